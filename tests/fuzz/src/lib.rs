//! What every program of this package has: an allocator that ends it when one piece of memory is larger than any input may
//! ask for. libFuzzer looks at single pieces only under a sanitizer.

use std::alloc::{GlobalAlloc, Layout, System};

/// As libFuzzer's `-malloc_limit_mb`.
const PIECE_BYTES_MAX: usize = 512 * 1024 * 1024;

struct Bounded;

#[global_allocator]
static BOUNDED: Bounded = Bounded;

fn check(bytes: usize) {
    if bytes > PIECE_BYTES_MAX {
        // As a crash, so that the input is kept.
        eprintln!("{bytes} bytes of memory in one piece");
        std::process::abort();
    }
}

// Safety: the system's allocator, and nothing of its contract is touched.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        check(bytes);
        unsafe { System.realloc(at, layout, bytes) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

/// Lets a panic inside the Parquet decoder unwind: the server takes it for damage of the file, and one that it does not
/// catch still ends the target. Every other panic ends the program at once.
pub fn decoder_may_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let ends = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let decoder =
                info.location().is_some_and(|at| ["/parquet-", "/arrow-"].iter().any(|name| at.file().contains(name)));
            let standard = info.location().is_some_and(|at| at.file().starts_with("/rustc/"));
            if !decoder && !standard {
                ends(info);
            }
        }));
    });
}

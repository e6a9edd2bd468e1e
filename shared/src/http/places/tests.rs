//! Who gets a place, and who is asked for one.

use futures::FutureExt;

use super::*;

/// Starts to wait for a place.
fn waiter(places: &Places) -> tokio::task::JoinHandle<Place> {
    let places = places.clone();
    tokio::spawn(async move { places.take().await.unwrap() })
}

#[tokio::test]
async fn nobody_is_asked_while_nobody_waits() {
    let places = Places::new(1);
    let first = places.take().await.unwrap();
    assert!(places.wish_now().is_none());

    let second = waiter(&places);
    tokio::task::yield_now().await;
    // It had its place without anybody's giving one up: its wish is nobody's.
    drop(first);
    let second = second.await.unwrap();
    assert!(places.wish_now().is_none() && places.wish().now_or_never().is_none());
    drop(second);
    assert_eq!(places.free(), 1);
}

#[tokio::test]
async fn a_wish_that_is_not_fulfilled_is_for_the_next() {
    let places = Places::new(2);
    let held = [places.take().await.unwrap(), places.take().await.unwrap()];
    let waiting = waiter(&places);
    tokio::task::yield_now().await;
    drop(places.wish().await);
    places.wish_now().unwrap().fulfil();
    assert!(places.wish_now().is_none(), "one waits, and two are asked");
    drop(held);
    waiting.await.unwrap();
}

#[tokio::test]
async fn whoever_could_do_without_longest_is_asked_first_and_whoever_came_first_served() {
    let places = Places::new(2);
    let held = [places.take().await.unwrap(), places.take().await.unwrap()];
    let (mut longest, mut shorter) = (Box::pin(places.wish()), Box::pin(places.wish()));
    assert!((&mut longest).now_or_never().is_none() && (&mut shorter).now_or_never().is_none());
    let waiting = [waiter(&places), waiter(&places)];
    tokio::task::yield_now().await;
    longest.await.fulfil();
    shorter.await.fulfil();

    let [first, second] = held;
    let [came_first, came_second] = waiting;
    drop(first);
    let place = came_first.await.unwrap();
    assert!(!came_second.is_finished());
    drop(second);
    came_second.await.unwrap();
    drop(place);
}

#[tokio::test]
async fn everybody_who_waits_has_a_wish_and_takes_it_along() {
    let places = Places::new(1);
    let held = places.take().await.unwrap();
    let waiting: Vec<_> = (0..3).map(|_| waiter(&places)).collect();
    tokio::task::yield_now().await;
    let wishes: Vec<_> = std::iter::from_fn(|| places.wish_now()).collect();
    assert_eq!(wishes.len(), 3);
    drop(wishes);
    for waiter in waiting {
        waiter.abort();
        assert!(waiter.await.is_err());
    }
    assert!(places.wish_now().is_none());
    drop(held);
    assert_eq!(places.free(), 1);
}

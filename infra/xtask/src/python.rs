//! The environments of Python that tasks need, each at exact versions. A new version is a change to this file.

use crate::repository::Repository;
use crate::venv::{Missing, Venv};

/// An environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// SAM with the translator and cfn-lint that belong to it, cargo-lambda with its linker, and the spelling check.
    Tools,
    /// The check of deployed resources; its requirements do not go together with those of others.
    Checkov,
    /// The emulator of AWS, and the SDK to talk to it; it pins what SAM wants newer.
    Emulator,
}

impl Environment {
    fn name(self) -> &'static str {
        match self {
            Self::Tools => ".venv-tools",
            Self::Checkov => ".venv-checkov",
            Self::Emulator => ".venv-emu",
        }
    }

    fn requirements(self) -> &'static str {
        match self {
            Self::Tools => "aws-sam-cli==1.170.0\ncargo-lambda==1.9.2\ncfn-lint==1.58.0\ntypos==1.52.0\n",
            Self::Checkov => "checkov==3.3.30\n",
            Self::Emulator => "ministack==1.5.33\naws-sam-translator==1.115.0\nboto3==1.43.106\ncryptography==50.0.2\n",
        }
    }

    /// The environment, made or brought up to date when it must be.
    ///
    /// # Errors
    /// Why it is not there.
    pub(crate) fn ready(self, repository: &Repository) -> Result<Venv, Missing> {
        Venv::ready(repository, self.name(), self.requirements())
    }

    /// The environment, or a sentence for the terminal.
    ///
    /// # Errors
    /// The sentence.
    pub(crate) fn needed(self, repository: &Repository) -> Result<Venv, String> {
        self.ready(repository).map_err(|missing| match missing {
            Missing::Python => format!("{} needs python3 (3.9 or later) with venv", self.name()),
            Missing::Failed(problem) => problem,
        })
    }
}

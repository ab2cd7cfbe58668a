//! The pipeline run: which branch, tag or pull request of which repository is being built.

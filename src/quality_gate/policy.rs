//! What a verdict does to the task. It never changes what is reported, only how the task ends.

use super::Verdict;

/// What a verdict does to the task. Ordered from mildest to strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reaction {
    /// A line in the log.
    Ignore,
    /// The task succeeds with issues.
    Warn,
    /// The task fails.
    Fail,
}

impl Reaction {
    /// Reads the value of an input.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ignore" => Some(Self::Ignore),
            "warn" => Some(Self::Warn),
            "fail" => Some(Self::Fail),
            _ => None,
        }
    }
}

/// What an analysis was of, as far as a policy tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A pull request.
    PullRequest,
    /// The project's main branch.
    DefaultBranch,
    /// Any other branch, or a tag.
    OtherBranch,
    /// A branch of which it is not known whether it is the main branch.
    SomeBranch,
}

impl Context {
    /// All contexts.
    pub const ALL: [Self; 4] = [Self::PullRequest, Self::DefaultBranch, Self::OtherBranch, Self::SomeBranch];
}

/// An analysis as a policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Its verdict.
    pub verdict: Verdict,
    /// Whether the verdict is that nothing was analysed.
    pub nothing_analysed: bool,
    /// What it was of.
    pub context: Context,
}

/// One reaction, with what overrides it in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Where nothing overrides it.
    pub general: Reaction,
    /// In pull requests.
    pub pull_request: Option<Reaction>,
    /// In the default branch.
    pub default_branch: Option<Reaction>,
    /// In other branches.
    pub other_branches: Option<Reaction>,
}

impl Rule {
    /// A rule without overrides.
    pub const fn always(general: Reaction) -> Self {
        Self { general, pull_request: None, default_branch: None, other_branches: None }
    }

    fn reaction(&self, context: Context) -> Reaction {
        let overriding = match context {
            Context::PullRequest => self.pull_request,
            Context::DefaultBranch => self.default_branch,
            Context::OtherBranch => self.other_branches,
            // The stricter of the two rules that may apply.
            Context::SomeBranch => {
                return self.reaction(Context::DefaultBranch).max(self.reaction(Context::OtherBranch));
            }
        };
        overriding.unwrap_or(self.general)
    }
}

/// How the task ends for each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// For a failed gate.
    pub failure: Rule,
    /// For every verdict that tells nothing about the code: all but passed, failed and skipped.
    pub no_verdict: Rule,
    /// For an analysis of nothing, in place of `no_verdict`.
    pub nothing_analysed: Reaction,
    /// For an analysis that was left out on purpose.
    pub skipped: Rule,
}

impl Default for Policy {
    /// Only a pass, or an analysis left out on purpose, lets the task succeed.
    fn default() -> Self {
        Self {
            failure: Rule::always(Reaction::Fail),
            no_verdict: Rule::always(Reaction::Fail),
            nothing_analysed: Reaction::Fail,
            skipped: Rule::always(Reaction::Ignore),
        }
    }
}

impl Policy {
    /// What this analysis does to the task.
    pub fn reaction(&self, Case { verdict, nothing_analysed, context }: Case) -> Reaction {
        match verdict {
            Verdict::NoReport if nothing_analysed => self.nothing_analysed,
            Verdict::Passed => Reaction::Ignore,
            Verdict::Failed => self.failure.reaction(context),
            Verdict::Skipped => self.skipped.reaction(context),
            Verdict::None
            | Verdict::Cancelled
            | Verdict::Timeout
            | Verdict::NoReport
            | Verdict::Unknown
            | Verdict::AnalysisFailed => self.no_verdict.reaction(context),
        }
    }

    /// What several analyses do to the task: the strictest of what each does.
    ///
    /// Without any, that of `NoReport`: in a pull request by its rule, else by that of a branch of which it is not known
    /// whether it is the main branch.
    pub fn reaction_to_all(
        &self,
        analyses: impl IntoIterator<Item = Case>,
        is_pull_request: bool,
    ) -> Reaction {
        analyses.into_iter().map(|case| self.reaction(case)).max().unwrap_or_else(|| {
            let context = if is_pull_request { Context::PullRequest } else { Context::SomeBranch };
            self.reaction(Case { verdict: Verdict::NoReport, nothing_analysed: false, context })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REACTIONS: [Reaction; 3] = [Reaction::Ignore, Reaction::Warn, Reaction::Fail];

    fn case(verdict: Verdict, context: Context) -> Case {
        Case { verdict, nothing_analysed: false, context }
    }

    /// The reaction each verdict has under a policy whose three rules are told apart by who asks.
    #[test]
    fn every_verdict_under_every_policy_in_every_context() {
        let overrides = [None, Some(Reaction::Ignore), Some(Reaction::Warn), Some(Reaction::Fail)];
        let mut cases = 0;
        for general in REACTIONS {
            for overriding in overrides {
                for context in [Context::PullRequest, Context::DefaultBranch, Context::OtherBranch] {
                    let mut rule = Rule::always(general);
                    match context {
                        Context::PullRequest => rule.pull_request = overriding,
                        Context::DefaultBranch => rule.default_branch = overriding,
                        _ => rule.other_branches = overriding,
                    }
                    for verdict in Verdict::ALL {
                        // The other two rules say the contrary, so that the wrong one would show.
                        let other = if general == Reaction::Fail { Reaction::Ignore } else { Reaction::Fail };
                        let mut policy = Policy {
                            failure: Rule::always(other),
                            no_verdict: Rule::always(other),
                            nothing_analysed: other,
                            skipped: Rule::always(other),
                        };
                        match verdict {
                            Verdict::Passed | Verdict::Failed => policy.failure = rule,
                            Verdict::Skipped => policy.skipped = rule,
                            _ => policy.no_verdict = rule,
                        }
                        for asked in Context::ALL {
                            let expected = match (verdict, overriding) {
                                (Verdict::Passed, _) => Reaction::Ignore,
                                (_, Some(overriding)) if asked == context => overriding,
                                // It may be the one that the override is for.
                                (_, Some(overriding))
                                    if asked == Context::SomeBranch && context != Context::PullRequest =>
                                {
                                    overriding.max(general)
                                }
                                _ => general,
                            };
                            let found = policy.reaction(case(verdict, asked));
                            let about = (general, overriding, context, verdict, asked);
                            assert_eq!(found, expected, "{about:?}");
                            cases += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(cases, 3 * 4 * 3 * 9 * 4);
    }

    #[test]
    fn the_default_policy() {
        for (verdict, expected) in [
            (Verdict::Skipped, Reaction::Ignore),
            (Verdict::Passed, Reaction::Ignore),
            (Verdict::None, Reaction::Fail),
            (Verdict::Cancelled, Reaction::Fail),
            (Verdict::Timeout, Reaction::Fail),
            (Verdict::NoReport, Reaction::Fail),
            (Verdict::Unknown, Reaction::Fail),
            (Verdict::AnalysisFailed, Reaction::Fail),
            (Verdict::Failed, Reaction::Fail),
        ] {
            for context in Context::ALL {
                assert_eq!(Policy::default().reaction(case(verdict, context)), expected, "{verdict:?}");
            }
        }
    }

    #[test]
    fn without_an_analysis_the_stricter_rule_for_branches_counts() {
        let mut policy = Policy { no_verdict: Rule::always(Reaction::Ignore), ..Policy::default() };
        policy.no_verdict.pull_request = Some(Reaction::Warn);
        policy.no_verdict.other_branches = Some(Reaction::Fail);
        assert_eq!(policy.reaction_to_all([], true), Reaction::Warn);
        assert_eq!(policy.reaction_to_all([], false), Reaction::Fail);
    }

    #[test]
    fn an_analysis_of_nothing_has_a_rule_of_its_own() {
        let nothing = |verdict, context| Case { verdict, nothing_analysed: true, context };
        for context in Context::ALL {
            let mut policy = Policy { no_verdict: Rule::always(Reaction::Ignore), ..Policy::default() };
            assert_eq!(policy.reaction(nothing(Verdict::NoReport, context)), Reaction::Fail);
            policy = Policy { nothing_analysed: Reaction::Warn, ..Policy::default() };
            assert_eq!(policy.reaction(nothing(Verdict::NoReport, context)), Reaction::Warn);
            assert_eq!(policy.reaction(case(Verdict::NoReport, context)), Reaction::Fail);
            // A failed gate stays one.
            assert_eq!(policy.reaction(nothing(Verdict::Failed, context)), Reaction::Fail);
        }
    }

    fn analyses() -> impl Strategy<Value = Vec<(Verdict, Context)>> {
        let one = (proptest::sample::select(&Verdict::ALL[..]), proptest::sample::select(&Context::ALL[..]));
        proptest::collection::vec(one, 0..8)
    }

    proptest! {
        #[test]
        fn only_passed_and_skipped_analyses_are_green(analyses in analyses(), pull_request: bool) {
            let policy = Policy::default();
            let reaction = policy.reaction_to_all(
                analyses.iter().map(|(verdict, context)| case(*verdict, *context)),
                pull_request,
            );
            let overall = Verdict::worst(analyses.iter().map(|(verdict, _)| *verdict));
            let spoilt = analyses.iter().any(|(verdict, _)| !matches!(verdict, Verdict::Passed | Verdict::Skipped));
            let passed = analyses.iter().any(|(verdict, _)| *verdict == Verdict::Passed);
            prop_assert_eq!(overall.build_property() == "ok", passed && !spoilt);
            prop_assert_eq!(reaction == Reaction::Fail, spoilt || analyses.is_empty());
        }
    }
}

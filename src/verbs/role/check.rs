//! May somebody do something, and why: `role check`, `role explain`.

use anyhow::Result;
use serde_json::{Map, Value as Json, json};

use super::denied::Denied;
use super::question::{AboutFlags, Asked, AtFlag, Question, facts, question};
use super::words::{self, Names};
use crate::access::{Answer, Explanation, Facts};
use crate::crud::context::Context;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::values::value::rfc3339;
use crate::store::access::Past;
use crate::ui::format::{self, Format};
use crate::ui::table;
use crate::ui::text::visible;

/// Who, and what.
#[derive(clap::Args)]
pub struct QuestionFlags {
    /// User who would do it
    #[arg(value_name = "USER")]
    pub user: String,
    /// What would be done
    #[arg(value_name = "RESOURCE:ACTION")]
    pub permission: String,
    #[command(flatten)]
    pub about: AboutFlags,
    #[command(flatten)]
    pub at: AtFlag,
}

impl QuestionFlags {
    async fn ask(&self, s: &mut Invocation<'_>) -> Result<Asked<Question>> {
        question(s, &self.user, &self.permission, &self.about, &self.at).await
    }
}

/// Says in a word, and by the exit code, whether somebody may do something.
#[derive(clap::Args)]
pub struct CheckFlags {
    #[command(flatten)]
    pub question: QuestionFlags,
}

impl Leaf for CheckFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "check",
        permission: "roles:read",
        writes: false,
        about: "Tell in a word, and by the exit code, whether a user may do something: allow 0, deny 5, needs approval 9, unknown 1",
        examples: "orgctl role check asha@sahyadri.example users:update\norgctl role check asha@sahyadri.example users:update --target ravi@sahyadri.example\norgctl role check ravi@sahyadri.example reports:export --branch MUM01 --at 2026-03-31",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let question = match self.question.ask(s).await? {
            Asked::Known(question) => question,
            Asked::Unknown(why) => return tell_unknown(s.context, why),
        };
        let facts = match facts(s, &question.user, Some(&question.asked), question.at, Past::Without).await? {
            Asked::Known(facts) => facts,
            Asked::Unknown(why) => return tell_unknown(s.context, why),
        };
        let answer = facts.check(&question.asked, question.target.about());
        match ui.style.format.get() {
            Format::Json | Format::Ndjson | Format::Yaml => {
                format::document(ui, &Json::Object(question.document(answer.as_str())))?;
            }
            _ => ui.out(&format!("{}\n", answer.as_str()))?,
        }
        ui.flush()?;
        end(s, &question, &facts, answer).await
    }
}

/// The same with all that the answer comes of.
#[derive(clap::Args)]
pub struct ExplainFlags {
    /// User who would do it
    #[arg(value_name = "USER", required_unless_present = "denied")]
    pub user: Option<String>,
    /// What would be done
    #[arg(value_name = "RESOURCE:ACTION", required_unless_present = "denied")]
    pub permission: Option<String>,
    /// A refusal instead, by its number in the audit trail, as of when it was
    #[arg(long, value_name = "SEQ", conflicts_with_all = ["user", "permission", "target", "branch", "department", "at"])]
    pub denied: Option<i64>,
    #[command(flatten)]
    pub about: AboutFlags,
    #[command(flatten)]
    pub at: AtFlag,
}

impl ExplainFlags {
    async fn ask(self, s: &mut Invocation<'_>) -> Result<Asked<(Option<Denied>, Question)>> {
        if let Some(seq) = self.denied {
            return Ok(match Denied::read(s, seq).await? {
                Asked::Known((denied, question)) => Asked::Known((Some(denied), question)),
                Asked::Unknown(why) => Asked::Unknown(why),
            });
        }
        let (user, permission) = (self.user.unwrap_or_default(), self.permission.unwrap_or_default());
        Ok(match question(s, &user, &permission, &self.about, &self.at).await? {
            Asked::Known(question) => Asked::Known((None, question)),
            Asked::Unknown(why) => Asked::Unknown(why),
        })
    }
}

impl Leaf for ExplainFlags {
    const SPEC: Spec = Spec {
        noun: "role",
        verb: "explain",
        permission: "roles:read",
        writes: false,
        about: "Explain why a user may do something, or what is missing",
        examples: "orgctl role explain asha@sahyadri.example users:update\norgctl role explain ravi@sahyadri.example users:update --target asha@sahyadri.example\norgctl role explain ravi@sahyadri.example users:delete --at 2026-03-31 -o json\norgctl role explain --denied 31 --org SAHYADRI",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let (denied, question) = match self.ask(s).await? {
            Asked::Known(known) => known,
            Asked::Unknown(why) => return tell_unknown(s.context, why),
        };
        let facts = match facts(s, &question.user, Some(&question.asked), question.at, Past::With).await? {
            Asked::Known(facts) => facts,
            Asked::Unknown(why) => return tell_unknown(s.context, why),
        };
        let why = facts.explain(&question.asked, question.target.about());
        // What roles allow, something else refused: it is no less refused.
        let answer = match (&denied, why.answer) {
            (Some(_), Answer::Allow) => Answer::Deny,
            (_, answer) => answer,
        };
        let names = Names::of(s, question.org(), [&facts]).await?;
        match s.context.ui.style.format.get() {
            Format::Json | Format::Ndjson | Format::Yaml => {
                let mut document = document(&question, &facts, &names, &why);
                document.insert("answer".into(), answer.as_str().into());
                document.extend(denied.iter().flat_map(Denied::document));
                format::document(&s.context.ui, &Json::Object(document))?;
            }
            _ => {
                draw(s.context, &question, &facts, &names, &why, denied.as_ref())?;
            }
        }
        s.context.ui.flush()?;
        end(s, &question, &facts, answer).await
    }
}

/// Neither yes nor no: nobody can tell.
pub fn tell_unknown(context: &Context<'_>, why: Problem) -> Result<()> {
    let ui = &context.ui;
    match ui.style.format.get() {
        Format::Json | Format::Ndjson | Format::Yaml => {
            format::document(ui, &json!({ "answer": "unknown", "says": why.sentence }))?;
        }
        _ => ui.out("unknown\n")?,
    }
    ui.flush()?;
    Err(Problem { kind: ErrorKind::Failed, ..why }.into())
}

/// The answer as an exit code.
async fn end(s: &mut Invocation<'_>, question: &Question, facts: &Facts, answer: Answer) -> Result<()> {
    let (kind, may) = match answer {
        Answer::Allow => return Ok(()),
        Answer::NeedsApproval => (ErrorKind::Approval, "needs approval for"),
        Answer::Deny => (ErrorKind::No, "may not"),
    };
    let problem = Problem::new(kind, question.whom(may));
    if s.context.verb != "role check" || answer == Answer::NeedsApproval {
        return Err(problem.into());
    }
    let names = Names::of(s, question.org(), [facts]).await?;
    let why = facts.explain(&question.asked, question.target.about());
    let reason = match why.near.is_empty() {
        true => "no role of the user gives it".to_owned(),
        false => {
            let way = &why.near[0];
            let lacks: Vec<String> = way.lacks.iter().map(|lack| words::lack(facts, &names, way, *lack)).collect();
            format!("{} would give it, but {}", words::path(&facts.roles, way), lacks.join(", and "))
        }
    };
    Err(Problem { sentence: format!("{}: {reason}", problem.sentence), ..problem }
        .hint(format!("'{}' says more", question.explained(s)))
        .into())
}

/// So many near misses are told.
const MOST_NEAR: usize = 10;

/// The rules that were gone through, in order: the rule, what came of it, and more of it.
fn rules(question: &Question, facts: &Facts, why: &Explanation<'_>) -> Vec<(&'static str, &'static str, String)> {
    let mut rules = Vec::new();
    match facts.account.lack(facts.at) {
        Some(lack) => {
            let way = why.near.first();
            let says = way.map_or(String::new(), |way| words::lack(facts, &Names::default(), way, lack));
            rules.push(("account", "deny", says));
        }
        None => rules.push(("account", "pass", "the user is active".into())),
    }
    let not_asked = question.target.not_asked();
    for rule in ["address", "platform", "feature"].into_iter().filter(|rule| not_asked.contains(rule)) {
        rules.push((rule, "not asked", String::new()));
    }
    let says = match (why.ways.len(), why.answer) {
        (0, _) => "no role gives it".to_owned(),
        (1, _) => "one grant gives it".to_owned(),
        (n, _) => format!("{n} grants give it"),
    };
    let free = why.ways.iter().any(|way| !way.given.requires_approval);
    let asks = why.ways.iter().any(|way| way.given.requires_approval);
    let more = if free && asks { "; one without approval wins over one with it" } else { "" };
    let outcome = if why.ways.is_empty() { "nothing" } else { why.answer.as_str() };
    rules.push(("roles", outcome, format!("{says}{more}")));
    if why.ways.is_empty() {
        rules.push(("default", "deny", "what nothing allows is denied".into()));
    }
    rules
}

fn document(question: &Question, facts: &Facts, names: &Names, why: &Explanation<'_>) -> Map<String, Json> {
    let mut document = question.document(why.answer.as_str());
    let rules: Vec<Json> = rules(question, facts, why)
        .into_iter()
        .map(|(rule, outcome, says)| json!({ "rule": rule, "outcome": outcome, "says": says }))
        .collect();
    let ways = |ways: &[crate::access::Way<'_>], most: usize| {
        ways.iter().take(most).map(|way| words::document(facts, names, way)).collect::<Vec<_>>()
    };
    document.insert("include_sub_branches".into(), (!facts.branches_alone).into());
    document.insert("rules".into(), rules.into());
    document.insert("ways".into(), ways(&why.ways, usize::MAX).into());
    let most = if why.ways.is_empty() { MOST_NEAR } else { 0 };
    document.insert("near_misses".into(), ways(&why.near, most).into());
    document
}

fn draw(
    context: &Context<'_>,
    question: &Question,
    facts: &Facts,
    names: &Names,
    why: &Explanation<'_>,
    denied: Option<&Denied>,
) -> Result<()> {
    let may = match why.answer {
        Answer::Allow => "may",
        Answer::NeedsApproval => "needs approval for",
        Answer::Deny => "may not",
    };
    let mut lines = match denied {
        Some(denied) if why.answer == Answer::Allow => vec![format!("deny: {}", denied.sentence)],
        _ => vec![format!("{}: {}", why.answer.as_str(), question.whom(may))],
    };
    lines.push(format!("as of {}", rfc3339(question.at)));
    lines.extend(denied.map(|denied| denied.line(why.answer)));
    for (rule, outcome, says) in rules(question, facts, why) {
        lines.push(format!("  {rule:<9} {outcome:<10} {says}").trim_end().to_owned());
    }
    for way in &why.ways {
        lines.push(format!("allowed by {}", words::line(facts, names, way)));
    }
    if why.ways.is_empty() && !why.near.is_empty() {
        lines.push("near misses".into());
        for (n, way) in why.near.iter().take(MOST_NEAR).enumerate() {
            lines.push(format!("  {}. {}", n + 1, words::line(facts, names, way)));
            lines.extend(way.lacks.iter().map(|lack| format!("     but {}", words::lack(facts, names, way, *lack))));
        }
        if why.near.len() > MOST_NEAR {
            lines.push(format!("  and {} more", why.near.len() - MOST_NEAR));
        }
    }
    if facts.branches_alone {
        lines.push("branches count without those below them (setting access.include_sub_branches)".into());
    }
    if !question.target.not_asked().is_empty() {
        lines.push(format!("not asked: {}", question.target.not_asked().join(", ")));
    }
    for line in lines {
        for line in table::paragraph(&context.ui, &visible(&line)) {
            context.ui.out(&format!("{line}\n"))?;
        }
    }
    Ok(())
}

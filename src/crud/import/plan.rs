//! How rows are read, as the arguments of an import say.

use anyhow::Result;

use super::arguments::Import;
use super::columns::by_number;
use super::dates;
use super::rows::ImportPlan;
use super::tolerance;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::scalar::ParseContext;
use crate::store::import::stage::Reference;

impl Import {
    pub(super) fn plan(&self, desc: &'static Descriptor, context: &ParseContext) -> Result<ImportPlan> {
        let field = |name: &str| desc.field(name).ok_or_else(|| anyhow::anyhow!("a {} has no {name}", desc.noun));
        let columns: Vec<Option<&'static Field>> =
            self.columns.iter().map(|c| c.as_deref().map(field).transpose()).collect::<Result<_>>()?;
        let mut constants = Vec::new();
        for (name, text) in &self.constants {
            let field = field(name)?;
            constants.push((field, field.parse(text, context)?));
        }
        let key = desc.all_keys().find(|key| key.name() == self.key);
        let key = key.ok_or_else(|| anyhow::anyhow!("{} is no key of a {}", self.key, desc.noun))?;
        let mut plan = ImportPlan::new(desc, self.source.clone(), columns, constants, key, &self.lookups, context)?;
        (plan.org, plan.routing) = (self.org, self.routing.clone());
        plan.fallbacks.clone_from(&self.fallbacks);
        plan.makes_codes = self.makes_codes;
        plan.tolerance = tolerance::Tolerance::new(desc, &self.on_invalid, &self.none);
        let fields = plan.columns.iter().flatten().copied().filter_map(dates::dated);
        let is_sealed = |(name, _): &&dates::Dated| self.sealed.iter().any(|(_, what)| what == name);
        let sealed = self.dated.iter().filter(is_sealed).copied();
        plan.dates = dates::Dates::new(fields.chain(sealed), &self.date_formats)?;
        plan.states.clone_from(&self.states);
        plan.is_whole = self.whole.is_some();
        plan.left_out.clone_from(&self.left_out);
        plan.nested_faults = by_number(&self.nested_faults);
        for column in &self.lists {
            let list = desc.lists.get(column.list).and_then(|list| Some((list, list.link()?)));
            let (list, link) = list.ok_or_else(|| anyhow::anyhow!("a list of nothing"))?;
            let field = list.first.and_then(|first| desc.field(first)).unwrap_or(link.item.0);
            plan.lists.push((column.clone(), Reference { field, target: link.item.1, by: None }));
        }
        Ok(plan)
    }
}

use std::path::Path;

use super::problem::Problem;
use super::reader::Reader;
use super::{ConfigPart, DataSource, ProblemKind};
use crate::text::closest;

/// Reads `auth/custom_user_data.json`, or `custom_user_data_config` in the application's own file.
pub(super) fn custom_user_data(reader: &mut Reader<'_>, root: &ConfigPart, data_sources: &[DataSource]) -> ConfigPart {
    let mut part = match root {
        ConfigPart::Present(file) => {
            file.part("custom_user_data_config").map_or(ConfigPart::Absent, ConfigPart::Present)
        }
        _ => ConfigPart::Absent,
    };
    part.join(reader.object("auth/custom_user_data.json"));
    if let (ConfigPart::Absent, ConfigPart::Broken(source)) = (&part, root) {
        // It is unknown whether users have custom data, and rules may grant if there is none.
        part = ConfigPart::Broken(source.clone());
    }
    if let ConfigPart::Contested(files) = &part {
        for file in files.iter().skip(1) {
            let kind = ProblemKind::DefinitionDuplicate {
                what: "configuration of",
                name: "custom user data".to_owned(),
                first: files.first().map_or_else(String::new, |file| file.source.name().to_owned()),
            };
            reader.problem_in(file, Problem::new(kind, file.node.span).help("remove one of them"));
        }
    }
    let enabled =
        part.present().filter(|file| file.node.get("enabled").is_some_and(|node| node.as_bool() != Some(false)));
    if let Some(file) = enabled
        && let Some(node) = file.node.get("mongo_service_name")
        && let Some(name) = node.as_str()
        && !data_sources.iter().any(|source| source.name == name)
    {
        let problem = Problem::new(ProblemKind::DataSourceUnknown(name.to_owned()), node.span);
        let known = data_sources.iter().map(|source| source.name.as_str());
        reader.problem_in(file, problem.help(data_source_help(name, known, reader.directory())));
    }
    part
}

/// Help for the name of a data source that does not exist.
pub(super) fn data_source_help<'a>(name: &str, known: impl Iterator<Item = &'a str>, directory: &Path) -> String {
    if let Some(known) = closest(name, known) {
        return format!("did you mean `{known}`?");
    }
    let is_there = |layout| directory.join(layout).is_dir();
    let layout = if is_there("services") && !is_there("data_sources") { "services" } else { "data_sources" };
    format!("add {layout}/<name>/config.json")
}

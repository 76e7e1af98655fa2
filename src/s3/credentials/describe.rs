//! Describes the content of the files and variables as lines, for the test that compares this crate with botocore.

use super::asked::Asked;
use super::chain::choose;
use super::configured::Configured;
use super::files::File;
use super::ini::{Section, Value};
use super::profile::LazyProfile;
use super::{Environment, Settings, endpoint, region, words};
use crate::error::Result;

/// Returns one line for each item.
pub(super) fn lines(environment: &Environment) -> Vec<String> {
    let mut lines = Vec::new();
    match File::credentials(environment) {
        Ok(file) => {
            for (name, section) in file.ini().sections() {
                describe("credentials", name, section, &mut lines);
            }
        }
        Err(_) => lines.push("credentials: error".to_owned()),
    }
    match File::config(environment) {
        Ok(file) => describe_config(&file, &mut lines),
        Err(_) => lines.push("config: error".to_owned()),
    }
    lines.sort();
    let settings = Settings::default();
    let profile = LazyProfile::new(None, environment);
    let chosen = choose(&Asked {
        settings: &settings,
        environment,
        lazy: &profile,
    });
    lines.push(format!(
        "method: {}",
        shown(chosen.map(|source| Some(source.name().to_owned())))
    ));
    lines.push(format!(
        "region: {}",
        shown(region::find(None, environment, &profile))
    ));
    let services = vec![
        ("s3", endpoint::S3),
        #[cfg(feature = "aws-chain")]
        ("sts", endpoint::STS),
    ];
    for (name, service) in services {
        let url = endpoint::find(service, None, environment, &profile);
        lines.push(format!("endpoint of {name}: {}", shown(url)));
    }
    let configured = Configured::find(environment, &profile, true);
    let style = configured.as_ref().map(|configured| {
        let style = configured.addressing_style;
        style.map(|style| format!("{style:?}").to_lowercase())
    });
    lines.push(format!(
        "addressing_style: {}",
        shown(style.map_err(Clone::clone))
    ));
    let attempts = configured.map(|configured| configured.max_attempts.map(|n| n.to_string()));
    lines.push(format!("max_attempts: {}", shown(attempts)));
    lines
}

fn shown(found: Result<Option<String>>) -> String {
    match found {
        Ok(Some(text)) => text,
        Ok(None) => "none".to_owned(),
        Err(_) => "error".to_owned(),
    }
}

fn describe_config(file: &File, lines: &mut Vec<String>) {
    for kind in ["profile", "sso-session", "services"] {
        let mut sections: Vec<(String, &Section)> = Vec::new();
        for (header, section) in file.ini().sections() {
            let name = match words::split(header).as_deref() {
                Some([first, name]) if first == kind => name.clone(),
                _ if kind == "profile" && header == "default" => "default".to_owned(),
                _ => continue,
            };
            sections.retain(|(earlier, _)| *earlier != name);
            sections.push((name, section));
        }
        for (name, section) in sections {
            describe(kind, &name, section, lines);
        }
    }
}

fn describe(kind: &str, name: &str, section: &Section, lines: &mut Vec<String>) {
    lines.push(format!("{kind} {name}"));
    for (setting, value) in section.settings() {
        match value {
            Value::Text(text) => {
                let text = text.replace('\n', "\\n");
                lines.push(format!("{kind} {name} {setting}={text}"));
            }
            Value::Block(block) => {
                lines.push(format!("{kind} {name} {setting}:"));
                for (inner, text) in block {
                    lines.push(format!("{kind} {name} {setting}:{inner}={text}"));
                }
            }
        }
    }
}

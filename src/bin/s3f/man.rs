//! The man page, generated from the table of commands.

use crate::help::OPERANDS;
use crate::spec::{COMMANDS, COMMON, EXIT_CODES, Flag};

/// Returns the man page in roff.
pub fn page() -> String {
    let mut page = format!(
        ".TH S3F 1 \"\" \"s3f {}\" \"User Commands\"\n\
         .SH NAME\ns3f \\- buckets and local files from the command line\n\
         .SH SYNOPSIS\n.B s3f\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIOPERANDS\\fR]\n\
         .SH DESCRIPTION\n",
        env!("CARGO_PKG_VERSION")
    );
    for paragraph in OPERANDS {
        page.push_str(&format!("{}\n.PP\n", escaped(paragraph)));
    }
    page.push_str(".SH COMMANDS\n");
    for command in COMMANDS {
        page.push_str(&format!(
            ".SS \"s3f {} {}\"\n{}\n",
            command.name,
            escaped(command.usage),
            escaped(command.summary)
        ));
        for paragraph in command.about {
            page.push_str(&format!(".PP\n{}\n", escaped(paragraph)));
        }
        flags(&mut page, command.options);
        page.push_str(".PP\nExamples:\n");
        for (call, what) in command.examples {
            page.push_str(&format!(".TP\n.B {}\n{}\n", escaped(call), escaped(what)));
        }
    }
    page.push_str(".SH OPTIONS\nThese options apply to all commands:\n");
    flags(&mut page, COMMON);
    page.push_str(".SH EXIT STATUS\n");
    for (code, what) in EXIT_CODES {
        page.push_str(&format!(".TP\n.B {code}\n{}\n", escaped(what)));
    }
    page
}

fn flags(page: &mut String, flags: &[Flag]) {
    for flag in flags {
        let short = flag
            .short
            .map_or(String::new(), |short| format!("\\-{short}, "));
        let value = flag
            .value
            .map_or(String::new(), |value| format!(" {value}"));
        page.push_str(&format!(
            ".TP\n.B {short}\\-\\-{}{value}\n{}\n",
            escaped(flag.long),
            escaped(flag.help)
        ));
    }
}

/// Escapes a text so that it contains no roff requests.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_option_and_exit_code() {
        let page = page();
        for command in COMMANDS {
            assert!(page.contains(&format!(".SS \"s3f {} ", command.name)));
            for flag in command.options {
                assert!(
                    page.contains(&format!("\\-\\-{}", escaped(flag.long))),
                    "{}",
                    flag.long
                );
            }
        }
        for (code, _) in EXIT_CODES {
            assert!(page.contains(&format!(".B {code}\n")));
        }
        assert_eq!(escaped(".x \\ a-b"), "\\&.x \\e a\\-b");
    }
}

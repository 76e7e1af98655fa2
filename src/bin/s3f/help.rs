//! The pages of `--help`, generated from the table of commands.

use crate::spec::{COMMANDS, COMMON, Command, EXIT_CODES, Flag};

/// Maximum width of text.
const WIDTH: usize = 80;

/// The kinds of operands.
pub const OPERANDS: &[&str] = &[
    "An operand is an FS URL (s3://BUCKET/PATH), a path that looks local (/PATH, ./PATH, ../PATH or a file:// URL), \
     or - for standard input or output. Any other word is an error and is never used as a local file.",
    "In URLs, * ? and [ are wildcards, and ** matches any directories. Quote wildcards for the shell. Write ? as \
     %3F, % as %25 and ! as %21. Parameters of the library can follow: \
     s3://BUCKET/PATH?endpoint_url=http://127.0.0.1:9000.",
    "Credentials, region and endpoint come from options, from the URL, from the environment and from the files of \
     the AWS tools. `s3f check s3://BUCKET` shows which of them are used, and what to do if they do not work.",
];

/// Returns the page of a command, or of all commands.
pub fn page(command: Option<&Command>) -> String {
    match command {
        Some(command) => of_command(command),
        None => of_all(),
    }
}

fn of_all() -> String {
    let mut page = "s3f: buckets and local files from the command line\n\nUsage: s3f COMMAND [OPTIONS] [OPERANDS]\n\nCommands:\n"
        .to_owned();
    let rows = COMMANDS
        .iter()
        .map(|command| (command.name.to_owned(), command.summary));
    table(&mut page, rows);
    page.push_str("\n`s3f COMMAND --help` shows the options of a command, with examples.\n");
    for paragraph in OPERANDS {
        page.push('\n');
        wrap(&mut page, paragraph, 0);
    }
    page.push_str("\nOptions of all commands:\n");
    flags(&mut page, COMMON);
    exit_codes(&mut page);
    page
}

fn of_command(command: &Command) -> String {
    let Command {
        name,
        summary,
        usage,
        ..
    } = command;
    let mut page = format!("s3f {name}: {summary}\n\nUsage: s3f {name} [OPTIONS] {usage}\n");
    for paragraph in command.about {
        page.push('\n');
        wrap(&mut page, paragraph, 0);
    }
    page.push_str("\nExamples:\n");
    for (call, what) in command.examples {
        page.push_str(&format!("  {call}\n"));
        wrap(&mut page, what, 6);
    }
    if !command.options.is_empty() {
        page.push_str("\nOptions:\n");
        flags(&mut page, command.options);
    }
    page.push_str("\nOptions of all commands:\n");
    flags(&mut page, COMMON);
    exit_codes(&mut page);
    page
}

fn exit_codes(page: &mut String) {
    page.push_str("\nExit codes:\n");
    table(
        page,
        EXIT_CODES
            .iter()
            .map(|(code, what)| ((*code).to_owned(), *what)),
    );
}

fn flags(page: &mut String, flags: &[Flag]) {
    table(page, flags.iter().map(|flag| (option(flag), flag.help)));
}

/// Returns an option with its letter and its value.
pub fn option(flag: &Flag) -> String {
    let short = match flag.short {
        Some(short) => format!("-{short}, "),
        None => "    ".to_owned(),
    };
    let value = flag
        .value
        .map_or(String::new(), |value| format!(" {value}"));
    format!("{short}--{}{value}", flag.long)
}

/// Appends two columns.
fn table<'t>(page: &mut String, rows: impl Iterator<Item = (String, &'t str)>) {
    let rows: Vec<(String, &str)> = rows.collect();
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    for (name, text) in rows {
        page.push_str(&format!("  {name:width$}  "));
        let indent = width + 4;
        let mut lines = lines(text, WIDTH.saturating_sub(indent)).into_iter();
        page.push_str(&lines.next().unwrap_or_default());
        page.push('\n');
        for line in lines {
            page.push_str(&format!("{:indent$}{line}\n", ""));
        }
    }
}

fn wrap(page: &mut String, text: &str, indent: usize) {
    for line in lines(text, WIDTH - indent) {
        page.push_str(&format!("{:indent$}{line}\n", ""));
    }
}

/// Splits a text into lines of at most `width` bytes, between words.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_names_its_options_and_is_no_wider_than_a_terminal() {
        for command in COMMANDS.iter().map(Some).chain([None]) {
            let page = page(command);
            let options = command.map_or(&[] as &[Flag], |command| command.options);
            for flag in options.iter().chain(COMMON) {
                assert!(page.contains(&format!("--{}", flag.long)), "{page}");
            }
            for line in page.lines() {
                let is_example = line.trim_start().contains("s3f ");
                assert!(line.chars().count() <= WIDTH || is_example, "{line}");
            }
        }
    }
}

//! Shell completions, generated from the table of commands.

use crate::spec::{COMMANDS, COMMON, Command, Flag};

/// Returns the script for a shell, if the shell is supported.
pub fn script(shell: &str) -> Option<String> {
    match shell {
        "bash" => Some(bash()),
        "zsh" => Some(zsh()),
        "fish" => Some(fish()),
        _ => None,
    }
}

fn longs(command: &Command) -> Vec<String> {
    let flags = command.options.iter().chain(COMMON);
    flags.map(|flag| format!("--{}", flag.long)).collect()
}

fn names() -> String {
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    names.join(" ")
}

fn bash() -> String {
    let mut cases = String::new();
    for command in COMMANDS {
        let options = longs(command).join(" ");
        cases.push_str(&format!(
            "        {}) options=\"{options}\" ;;\n",
            command.name
        ));
    }
    let names = names();
    format!(
        "# Completions of s3f for bash: s3f completions bash > ~/.local/share/bash-completion/completions/s3f\n\
         _s3f() {{\n    \
             local word=${{COMP_WORDS[COMP_CWORD]}} options command= index\n    \
             for ((index = 1; index < COMP_CWORD; index++)); do\n        \
                 [[ ${{COMP_WORDS[index]}} == -* ]] || {{ command=${{COMP_WORDS[index]}}; break; }}\n    \
             done\n    \
             case $command in\n        \
                 '') options=\"{names} --help --version\" ;;\n{cases}    \
             esac\n    \
             if [[ -z $command || $word == -* ]]; then\n        \
                 COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n    \
             else\n        \
                 COMPREPLY=($(compgen -f -- \"$word\"))\n    \
             fi\n\
         }}\n\
         complete -o filenames -F _s3f s3f\n"
    )
}

fn zsh() -> String {
    let quoted = |text: &str| text.replace('\'', "'\\''").replace(['[', ']', ':'], " ");
    let mut cases = String::new();
    let mut commands = String::new();
    for command in COMMANDS {
        commands.push_str(&format!(
            "        '{}:{}'\n",
            command.name,
            quoted(command.summary)
        ));
        let flags = command.options.iter().chain(COMMON);
        let flags = flags.map(|flag| {
            let value = flag
                .value
                .map_or(String::new(), |value| format!(":{value}:"));
            format!(" '--{}[{}]{value}'", flag.long, quoted(flag.help))
        });
        cases.push_str(&format!(
            "        {}) _arguments{} '*:operand:_files' ;;\n",
            command.name,
            flags.collect::<String>()
        ));
    }
    format!(
        "#compdef s3f\n\
         # Completions of s3f for zsh: s3f completions zsh > a directory of $fpath, as _s3f\n\
         _s3f() {{\n    \
             local -a commands=(\n{commands}    )\n    \
             if ((CURRENT == 2)); then\n        \
                 _describe command commands\n        \
                 return\n    \
             fi\n    \
             local command=$words[2]\n    \
             shift words\n    \
             ((CURRENT--))\n    \
             case $command in\n{cases}    \
             esac\n\
         }}\n\
         _s3f \"$@\"\n"
    )
}

fn fish() -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let line = |condition: &str, flag: &Flag| {
        let short = flag
            .short
            .map_or(String::new(), |short| format!(" -s {short}"));
        let value = if flag.value.is_some() { " -r" } else { "" };
        format!(
            "complete -c s3f{condition}{short} -l {}{value} -d '{}'\n",
            flag.long,
            quoted(flag.help)
        )
    };
    let mut script =
        "# Completions of s3f for fish: s3f completions fish > ~/.config/fish/completions/s3f.fish\n".to_owned();
    for command in COMMANDS {
        script.push_str(&format!(
            "complete -c s3f -n __fish_use_subcommand -a {} -d '{}'\n",
            command.name,
            quoted(command.summary)
        ));
        let condition = format!(" -n '__fish_seen_subcommand_from {}'", command.name);
        script.extend(command.options.iter().map(|flag| line(&condition, flag)));
    }
    script.extend(COMMON.iter().map(|flag| line("", flag)));
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_option_is_completed_in_each_shell() {
        for shell in ["bash", "zsh", "fish"] {
            let script = script(shell).unwrap();
            for command in COMMANDS {
                assert!(script.contains(command.name), "{shell} {}", command.name);
                for flag in command.options.iter().chain(COMMON) {
                    let option = match shell {
                        "fish" => format!("-l {}", flag.long),
                        _ => format!("--{}", flag.long),
                    };
                    assert!(script.contains(&option), "{shell} {option}");
                }
            }
        }
        assert!(script("csh").is_none());
    }
}

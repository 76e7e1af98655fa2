"""Configuration of the AWS tools, and what botocore makes of it, as cases for the test in botocore.rs.

    cases.py DIRECTORY

Each case is a directory: a home with .aws/config and .aws/credentials, the variables in `env`, and botocore's answer
in `expected`, in the form of src/s3/credentials/describe.rs. Nothing here asks a server.
"""

import os
import pathlib
import random
import re
import sys

import botocore.configloader
import botocore.configprovider
import botocore.session
from botocore.exceptions import BotoCoreError

KEYS = "aws_access_key_id = K{0}\naws_secret_access_key = S{0}\n"
ROLE = "role_arn = arn:aws:iam::123456789012:role/r\n"
SSO = "sso_start_url = https://x.example/start\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r\n"
WEB = "web_identity_token_file = /token\n"
METHODS = {
    "env": "environment",
    "assume-role": "assumed role",
    "assume-role-with-web-identity": "web identity",
    "sso": "single sign-on",
    "shared-credentials-file": "shared credentials file",
    "login": "console login",
    "custom-process": "credential process",
    "config-file": "config file",
    "container-role": "container endpoint",
    "iam-role": "instance metadata",
}


def chosen(session):
    """The method of the first source that is configured. None of them asks anybody."""
    resolver = session.get_component("credential_provider")
    for provider in resolver.providers:
        if provider.METHOD not in METHODS:
            continue
        if provider.METHOD == "custom-process":
            found = provider._credential_process
        elif provider.METHOD == "login":
            found = "login_session" in session.full_config["profiles"].get(provider._profile_name, {})
        elif provider.METHOD == "container-role":
            found = provider.ENV_VAR in os.environ or provider.ENV_VAR_FULL in os.environ
        elif provider.METHOD == "iam-role":
            found = os.environ.get("AWS_EC2_METADATA_DISABLED", "false").lower() != "true"
        else:
            found = provider.load()
        if found:
            return METHODS[provider.METHOD]
    return "error"


def answered(work):
    try:
        found = work()
    except (BotoCoreError, ValueError):
        return "error"
    return "none" if found in (None, "") else str(found)


def described(kind, name, section):
    yield f"{kind} {name}"
    for setting, value in section.items():
        if isinstance(value, dict):
            yield f"{kind} {name} {setting}:"
            for inner, text in value.items():
                yield f"{kind} {name} {setting}:{inner}={text}"
        else:
            text = value.replace("\n", "\\n")
            yield f"{kind} {name} {setting}={text}"


def of_files():
    lines = []
    try:
        for name, section in botocore.configloader.raw_config_parse("~/.aws/credentials").items():
            lines += described("credentials", name, section)
    except BotoCoreError:
        lines.append("credentials: error")
    try:
        config = botocore.configloader.load_config("~/.aws/config")
        for kind, key in (("profile", "profiles"), ("sso-session", "sso_sessions"), ("services", "services")):
            for name, section in config[key].items():
                lines += described(kind, name, section)
    except BotoCoreError:
        lines.append("config: error")
    return sorted(lines, key=lambda line: line.encode())


def of_session():
    # A session of its own for each line: once the credentials file could not be read, botocore goes on without it.
    session = botocore.session.Session
    return [
        f"method: {answered(lambda: chosen(session()))}",
        f"region: {answered(lambda: session().get_config_variable('region'))}",
        f"endpoint of s3: {answered(lambda: endpoint(session(), 's3'))}",
        f"endpoint of sts: {answered(lambda: endpoint(session(), 'sts'))}",
        f"addressing_style: {answered(lambda: style(session()))}",
        f"max_attempts: {answered(lambda: session().get_config_variable('max_attempts'))}",
    ]


def endpoint(session, service):
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    return botocore.configprovider.ConfiguredEndpointProvider(
        full_config=session.full_config, scoped_config=session.get_scoped_config(), client_name=service
    ).provide()


def style(session):
    found = (session.get_config_variable("s3") or {}).get("addressing_style")
    return {"virtual": "virtualhost"}.get(found, found)


class Cases:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.number = 0
        self.clean = dict(os.environ)
        for name in [name for name in self.clean if name.startswith("AWS_")]:
            del self.clean[name]

    def add(self, name, config="", credentials="", env=None, differs=None):
        self.number += 1
        home = self.directory / f"{self.number:03}-{name}"
        (home / ".aws").mkdir(parents=True)
        (home / ".aws" / "config").write_bytes(config.encode())
        (home / ".aws" / "credentials").write_bytes(credentials.encode())
        variables = env or {}
        (home / "env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        os.environ.clear()
        os.environ.update(self.clean, HOME=str(home), **variables)
        expected = of_files() + of_session()
        (home / "expected").write_text("".join(f"{line}\n" for line in expected))
        reasons = [differs] if differs else [reason for reason, applies in DIFFERENCES if applies(expected)]
        if reasons:
            (home / "differs").write_text("; ".join(reasons))


def syntax(cases):
    """How lines are read."""
    two = "[default]\nregion = one\n[profile x]\nregion = two\n"
    for name, config in {
        "empty": "",
        "comments": "# c\n; c\n[default]\n# c\nregion = r # no comment\n  ; c\noutput=json\n",
        "windows": two.replace("\n", "\r\n"),
        "old-mac": two.replace("\n", "\r"),
        "no-end": "[default]\nregion = r",
        "colon": "[default]\nregion: r\nx = a:b\ny: a=b\n",
        "spaces": "[default]\nregion   =   r  \n\toutput\t=\tjson\n",
        "no-spaces": "[default]\nregion=r\n",
        "upper": "[default]\nREGION = r\n",
        "empty-value": "[default]\nregion =\noutput = json\n",
        "no-value": "[default]\nregion\n",
        "no-name": "[default]\n= r\n",
        "no-section": "region = r\n",
        "twice": "[default]\nregion = a\nregion = b\n",
        "twice-case": "[default]\nregion = a\nRegion = b\n",
        "section-twice": "[default]\nregion = a\n[default]\nregion = b\n",
        "default-twice": "[default]\nregion = a\n[profile default]\nregion = b\n",
        "default-twice-other-way": "[profile default]\nregion = b\n[default]\nregion = a\n",
        "quotes": "[profile \"my team\"]\nregion = \"r\"\n[profile 'other team']\nregion = 'r'\n",
        "quotes-twice": "[profile x]\nregion = a\n[profile \"x\"]\nregion = b\n",
        "quotes-open": "[profile \"x]\nregion = a\n",
        "three-words": "[profile a b]\nregion = a\n",
        "one-word": "[profile]\nregion = a\n",
        "plain": "[x]\nregion = a\n",
        "tabs": "[profile\tx]\nregion = a\n",
        "behind": "[profile x] # c\nregion = a\n",
        "brackets": "[profile x]y]\nregion = a\n",
        "no-bracket": "[profile x\nregion = a\n",
        "unicode": "[profile \u00fcber]\nname = \u5317\u4eac\n\u00c4 = \u00e9\n",
        "nbsp": "[default]\nregion =\u00a0r\u00a0\n",
        "continued": "[default]\nx = a\n  b\n  c\nregion = r\n",
        "continued-empty": "[default]\nx = a\n\n  b\nregion = r\n",
        "continued-comment": "[default]\nx = a\n  # c\n  b\nregion = r\n",
        "indented-section": "  [default]\n  region = r\n  output = json\n",
        "nested": "[default]\ns3 =\n  addressing_style = path\n  max_queue_size=5\nregion = r\n",
        "nested-virtual": "[default]\ns3 =\n    addressing_style = virtual\n",
        "nested-deep": "[default]\ns3 =\n  a =\n    b = c\n  d = e\n",
        "nested-comment": "[default]\ns3 =\n  # c\n  a = b\n\n  c = d\n",
        "nested-twice": "[default]\ns3 =\n  a = b\n  a = c\n",
        "nested-colon": "[default]\ns3 =\n  a: b\n",
        "nested-none": "[default]\ns3 =\n  a\n",
        "DEFAULT": "[DEFAULT]\nregion = r\n[profile x]\noutput = json\n[default]\nx = y\n",
        "DEFAULT-wins": "[DEFAULT]\nregion = r\n[default]\nregion = s\n",
        "sessions": "[sso-session a]\nsso_region = r\n[services b]\ns3 =\n  endpoint_url = http://s3.example\n",
        "percent": "[default]\nregion = r\nx = %(region)s\n",
        "equals": "[default]\nx = a=b=c\n",
        "form-feed": "[default]\nregion = r\x0c\noutput = json\n",
    }.items():
        cases.add("config-" + name, config)
        if "profile" not in config:
            cases.add("credentials-" + name, credentials=config)
    cases.add("config-bom", "\ufeff[default]\nregion = r\n", differs="a byte order mark of Windows is skipped")
    cases.add("config-kind", "[profiles x]\nregion = r\n", differs="[profiles x] is not the profile x")


def generated(cases):
    """Lines in a random order."""
    randoms = random.Random(2026)
    names = ["[default]", "[profile x]", "[profile \"x y\"]", "[x]", "[sso-session s]", "[services s]", "[other]"]
    lines = [
        "region = r", "Region=r2", "output: json", "# c", "; c", "", "  deeper = v", "\tdeeper2 = v", "s3 =",
        "  addressing_style = path", "  payload = true", "name = a b  c", "quoted = \"a\"", "empty =", "u = \u00e9\u00df",
        "endpoint_url = http://e.example", "max_attempts = 4", "    # deep", "broken", "services = s",
    ]
    for number in range(80):
        text = ""
        for name in randoms.sample(names, randoms.randint(1, 4)):
            text += name + "\n"
            for line in randoms.sample(lines, randoms.randint(0, 7)):
                text += line + "\n"
        if randoms.random() < 0.2:
            text = text.replace("\n", "\r\n")
        credentials = text.replace("profile ", "") if number % 3 == 0 else ""
        cases.add("generated", text, credentials)


def is_no_region(expected):
    region = next(line for line in expected if line.startswith("region: ")).removeprefix("region: ")
    return not re.fullmatch("[A-Za-z0-9-]+", region)


DIFFERENCES = [
    (
        "a region becomes part of a host's name: what cannot be one, such as a value with a comment behind it or with "
        "several lines, is an error",
        is_no_region,
    ),
]


def sources(cases):
    """Which source is chosen."""
    web = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}
    keys = {"AWS_ACCESS_KEY_ID": "K", "AWS_SECRET_ACCESS_KEY": "S"}
    container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/x"}
    off = {"AWS_EC2_METADATA_DISABLED": "true"}
    role = ROLE + "source_profile = y\n"
    parts = [role, SSO, "login_session = arn:aws:iam::1:user/u\n", "credential_process = /bin/false\n", KEYS.format("C")]
    for number in range(1 << len(parts)):
        own = "".join(part for bit, part in enumerate(parts) if number >> bit & 1)
        config = f"[profile x]\nregion = r-1\n{own}[profile y]\n{KEYS.format('Y')}"
        cases.add("sources", config, env={"AWS_PROFILE": "x", **off} if number else {"AWS_PROFILE": "x"})
        credentials = f"[x]\n{KEYS.format('F')}"
        if number % 2:
            cases.add("sources-web", config, credentials, {"AWS_PROFILE": "x", **web, **container})
        else:
            cases.add("sources-file", config, credentials, {"AWS_DEFAULT_PROFILE": "x", **container})
        cases.add("sources-env", config, env={"AWS_PROFILE": "x", **keys, **web})
    plain = f"[default]\n{KEYS.format('D')}"
    cases.add("web-profile", f"[default]\n{ROLE}{WEB}source_profile = y\n[profile y]\n{KEYS.format('Y')}")
    cases.add("web-no-role", f"[default]\n{WEB}")
    cases.add("web-mixed", f"[default]\n{WEB}", env={"AWS_ROLE_ARN": "arn:aws:iam::1:role/r"})
    cases.add("container", env=container)
    cases.add("container-behind-keys", plain, env=container)
    cases.add("instance", "[default]\nregion = r-1\n")
    cases.add("nothing", env=off)
    cases.add("missing-profile", plain, env={"AWS_PROFILE": "missing"})
    cases.add("self", f"[profile a]\n{ROLE}source_profile = a\n{KEYS.format('A')}", env={"AWS_PROFILE": "a"})
    cases.add("loop", f"[profile a]\n{ROLE}source_profile = b\n[profile b]\n{ROLE}source_profile = a\n",
              env={"AWS_PROFILE": "a"})
    cases.add("self-without", f"[profile a]\n{ROLE}source_profile = a\n", env={"AWS_PROFILE": "a"})
    cases.add("chain", f"[profile a]\n{ROLE}source_profile = b\n[profile b]\n{ROLE}source_profile = c\n"
                       f"[profile c]\n{KEYS.format('C')}", env={"AWS_PROFILE": "a"})
    cases.add("chain-file", f"[profile a]\n{ROLE}source_profile = b\n", f"[b]\n{KEYS.format('B')}",
              env={"AWS_PROFILE": "a"})
    cases.add("no-source", f"[profile a]\n{ROLE}", env={"AWS_PROFILE": "a"})
    cases.add("both-sources", f"[profile a]\n{ROLE}source_profile = a\ncredential_source = Environment\n"
                              f"{KEYS.format('A')}", env={"AWS_PROFILE": "a"})
    cases.add("source-environment", f"[default]\n{ROLE}credential_source = Environment\n")
    cases.add("source-case", f"[default]\n{ROLE}credential_source = environment\n")
    cases.add("source-missing", f"[default]\n{ROLE}source_profile = missing\n")
    cases.add("source-empty", f"[default]\n{ROLE}source_profile = y\n[profile y]\nregion = r\n")
    cases.add("sso-session", "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
                             "[sso-session s]\nsso_start_url = https://x.example\nsso_region = us-east-1\n")
    cases.add("sso-missing-session", "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n")
    cases.add("sso-unlike", "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nsso_region = a\n"
                            "[sso-session s]\nsso_start_url = https://x.example\nsso_region = us-east-1\n")
    cases.add("sso-half", "[default]\nsso_account_id = 1\n")
    cases.add("half-key", "[default]\naws_access_key_id = K\n")
    cases.add("half-secret", "[default]\naws_secret_access_key = S\n",
              differs="a secret without its key is an error: a mistyped name must not sign as another")
    cases.add("half-environment", plain, env={"AWS_ACCESS_KEY_ID": "K"})
    cases.add("half-environment-secret", plain, env={"AWS_SECRET_ACCESS_KEY": "S"},
              differs="a secret without its key is an error: a mistyped name must not sign as another")
    cases.add("blank-environment", plain, env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    cases.add("both-files", plain, f"[default]\n{KEYS.format('F')}")


def settings(cases):
    """Regions, endpoints and other settings."""
    config = ("[default]\nregion = r-1\nendpoint_url = http://profile.example\nservices = own\nmax_attempts = 7\n"
              "[services own]\ns3 =\n  endpoint_url = http://s3.example\nsts =\n  endpoint_url = http://sts.example\n")
    cases.add("settings", config)
    for env in [
        {"AWS_DEFAULT_REGION": "r-2"},
        {"AWS_ENDPOINT_URL": "http://all.example"},
        {"AWS_ENDPOINT_URL_S3": "http://env-s3.example"},
        {"AWS_ENDPOINT_URL_STS": "http://env-sts.example"},
        {"AWS_ENDPOINT_URL": "http://all.example", "AWS_ENDPOINT_URL_STS": "http://env-sts.example"},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE", "AWS_ENDPOINT_URL": "http://all.example"},
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"},
        {"AWS_MAX_ATTEMPTS": "3"},
    ]:
        cases.add("settings-env", config, env=env)
    cases.add("settings-ignored", config.replace("region =", "ignore_configured_endpoint_urls = true\nregion ="))
    cases.add("settings-no-services", "[default]\nservices = missing\nendpoint_url = http://x.example\n")
    cases.add("settings-of-credentials", "[default]\nregion = a\n", "[default]\nregion = b\n")
    cases.add("settings-aws-region", config, env={"AWS_REGION": "r-3"},
              differs="AWS_REGION is read, as by the other SDKs; botocore reads AWS_DEFAULT_REGION alone")
    cases.add("settings-style", "[default]\ns3 =\n  addressing_style = auto\n")


def main():
    cases = Cases(sys.argv[1])
    syntax(cases)
    generated(cases)
    sources(cases)
    settings(cases)
    print(f"{cases.number} cases")


main()

"""The pages of a Jenkins stand-in about itself: the controller, whoever asks, the plugins, and going down."""

from collections.abc import Mapping

from bot.demo.jenkins.request import ADMINISTER, MANAGE, READ, Answer, Refused
from bot.demo.jenkins.rooms import Visit
from bot.demo.jenkins.tree import Bean, Shown, bean

VERSIONS = {  # of about the time of the core that this stand-in follows
    "cloudbees-folder": ("Folders Plugin", "6.1073.va_7888eb_dd514"),
    "git": ("Git plugin", "5.8.1"),
    "github-branch-source": ("GitHub Branch Source Plugin", "1844.v4a_9883d49126"),
    "junit": ("JUnit Plugin", "1369.v15da_00283f06"),
    "matrix-project": ("Matrix Project Plugin", "870.v9db_fcfc2f45b_"),
    "matrix-combinations-parameter": ("Matrix Configuration Parameter Plugin", "1.3.3"),
    "naginator": ("Naginator", "1.515.vc3546ef55f4b_"),
    "notification": ("Notification plugin", "1.18"),
    "pipeline-rest-api": ("Pipeline: REST API Plugin", "2.38"),
    "rebuild": ("Rebuilder", "338.va_0a_b_50e29397"),
    "timestamper": ("Timestamper", "1.30"),
    "workflow-cps": ("Pipeline: Groovy", "4175.vb_f5cd4d8b_1d4"),
    "workflow-job": ("Pipeline: Job", "1540.v295eccc9778f"),
    "workflow-multibranch": ("Pipeline: Multibranch", "821.vc3b_4ea_780798"),
}


def controller_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Show the controller and its one view, or let it go down."""
    match segments:
        case []:
            visit.asking.need(READ)
            return Answer(200, b"<html><body>Jenkins</body></html>", headers=visit.advertised())
        case ["api", "json"]:
            visit.asking.need(READ)
            return visit.shown(visit.views.controller())
        case ["view", "all", "api", "json"]:
            visit.asking.need(READ)
            return visit.shown(visit.views.view())
        case ["quietDown" | "cancelQuietDown" | "restart" | "safeRestart" as act]:
            visit.asking.need(MANAGE)
            return _go(visit, act)
    return None


def _go(visit: Visit, act: str) -> Answer:
    if visit.incoming.method == "GET" and "estart" in act:  # a page that asks whether one is sure
        return Answer(200, b"<html><body><form method='post'>Are you sure?</form></body></html>")
    visit.only_post()
    engine = visit.engine
    match act:
        case "restart":
            engine.restart(engine.faults.restart_s)
        case "safeRestart":
            engine.safe_restart(visit.incoming.get("message"))
        case _:
            engine.quiet_down(act == "quietDown", visit.incoming.get("message"))
    return visit.sent_to("")


def person_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Tell who asks."""
    name = visit.asking.name
    match segments:
        case ["whoAmI", "api", "json"]:
            return visit.json(
                {
                    "_class": "hudson.security.WhoAmI",
                    "anonymous": name is None,
                    "authenticated": True,  # anonymous too counts as authenticated, by a token of its own kind
                    "name": name or "anonymous",
                    "authorities": ["authenticated"] if name else ["anonymous"],
                    "details": None,
                    "toString": "",
                }
            )
        case ["me", "api", "json"] | ["user", _, "api", "json"]:
            visit.asking.need(READ)
            who = name if segments[0] == "me" else segments[1]
            if who is None:
                raise Refused(404, "Not Found")
            return visit.shown(_user(visit, who))
    return None


def _user(visit: Visit, name: str) -> Bean:
    return bean(
        "hudson.model.User",
        always={"absoluteUrl": f"{visit.root}user/{name}", "fullName": name},
        plain={"description": None, "id": name, "property": [bean("jenkins.security.ApiTokenProperty")]},
    )


def plugins_page(visit: Visit, segments: list[str]) -> Answer | None:
    """List the plugins, for those who administer the controller."""
    if segments != ["pluginManager", "api", "json"]:
        return None
    visit.asking.need(ADMINISTER)
    plugins = [_plugin(name, visit.engine.plugin_versions) for name in sorted(visit.engine.plugins)]
    return visit.shown(bean("hudson.LocalPluginManager", plain={"plugins": plugins}))


def _plugin(name: str, older: Mapping[str, str]) -> Bean:
    title, version = VERSIONS.get(name, (name, "1.0"))
    plain: dict[str, Shown] = {
        "active": True,
        "backupVersion": None,
        "bundled": False,
        "deleted": False,
        "dependencies": [],
        "detached": False,
        "downgradable": False,
        "enabled": True,
        "hasUpdate": False,
        "longName": title,
        "minimumJavaVersion": "21",
        "pinned": False,
        "requiredCoreVersion": "2.504.3",
        "shortName": name,
        "supportsDynamicLoad": "MAYBE",
        "url": f"https://plugins.jenkins.io/{name}",
        "version": older.get(name, version),
    }
    return bean("", plain=plain)

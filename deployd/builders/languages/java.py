"""Java: Maven or Gradle makes a jar, by the project's wrapper or the host's own tool; the host's java runs it."""

import re

from deployd.builders.project import Declared, Project, Recipe, Recognised
from deployd.builders.told import as_told, refuse_build_alone, tool
from deployd.domain.build import BuildPlan, Tool
from deployd.domain.errors import BuildFailed

JAR = ".deployd/app.jar"

_GRADLE = ("build.gradle", "build.gradle.kts")
# Java takes the home from the list of users, where that of a build is not; Maven reads MAVEN_ARGS only since 3.9.
_MAVEN = 'MAVEN_OPTS="-Duser.home=$HOME" {} $MAVEN_ARGS -B -q -DskipTests package'
_GRADLE_BUILD = "{} --no-daemon --console=plain -x test assemble"
_VERSION = re.compile(
    r"<(?:java\.version|maven\.compiler\.(?:release|target)|release)>\s*+(?:1\.)?(\d++)\s*+<|"
    r"JavaLanguageVersion\.of\((\d+)\)|(?:source|target)Compatibility\s*+=[^\d\n]{0,100}?(?:1[._])?(\d++)\b"
)
_PROPERTIES = re.compile(r"^java\.runtime\.version\s*=\s*(?:1\.)?(\d+)", re.M)
_WAR = re.compile(r"<packaging>\s*war\s*</packaging>")
_POM = re.compile(r"<packaging>\s*pom\s*</packaging>")


def detect(project: Project, declared: Declared) -> BuildPlan | None:
    manifest = project.first("pom.xml", *_GRADLE)
    if manifest is None:
        return None
    refuse_build_alone(declared, "Java")
    text = project.text(manifest)
    maven = manifest == "pom.xml"
    builder, tools = _maven(project, declared) if maven else _gradle(project, declared)
    jars = "target" if maven else "build/libs"
    steps = [builder]
    processes = dict(declared.processes)
    if "web" not in processes and declared.settings.output is None:
        _check_packaging(project, text)
        if _is_quarkus(text):
            processes["web"] = f"java -Dquarkus.http.port=$PORT -jar {jars.split('/')[0]}/quarkus-app/quarkus-run.jar"
        else:
            steps.append(_take_jar(jars))
            processes["web"] = f"java {_port(text)} -jar {JAR}"
    plan = BuildPlan(
        builder="java",
        why=f"Java: {'Maven' if maven else 'Gradle'} makes it as {manifest} says, then `{processes.get('web', '')}`.",
        root=project.root,
        tools=(tool("java", declared.settings, _wanted(project, text)), *tools),
        steps=tuple(steps),
        processes=processes,
    )
    return as_told(plan, declared.settings)


def _maven(project: Project, declared: Declared) -> tuple[str, tuple[Tool, ...]]:
    if project.has("mvnw") and project.has(".mvn/wrapper/maven-wrapper.properties"):
        return f'MAVEN_USER_HOME="$XDG_CACHE_HOME/maven" {_MAVEN.format("sh ./mvnw")}', ()
    return _MAVEN.format("mvn"), (tool("mvn", declared.settings),)


def _gradle(project: Project, declared: Declared) -> tuple[str, tuple[Tool, ...]]:
    if project.has("gradlew") and project.has("gradle/wrapper/gradle-wrapper.properties"):
        return _GRADLE_BUILD.format("sh ./gradlew"), ()
    return _GRADLE_BUILD.format("gradle"), (tool("gradle", declared.settings),)


def _check_packaging(project: Project, text: str) -> None:
    if _WAR.search(text) and "spring-boot" not in text:
        raise BuildFailed(
            "pom.xml packages a war, which needs an application server: package a jar that runs by itself, or say "
            "`build.start`."
        )
    if _POM.search(text):
        raise BuildFailed(
            "pom.xml only gathers modules: say in `build.start` what runs, such as `java -jar web/target/web.jar`."
        )


def _take_jar(folder: str) -> str:
    """The one jar that can be run; the others beside it hold sources, or the classes without their libraries."""
    return (
        f"set -- $(ls {folder}/*.jar {folder}/*.war 2>/dev/null | "
        "grep -Ev -e '-(sources|javadoc|tests|plain)\\.jar$' -e '/original-[^/]*$'); "
        f'if [ $# -ne 1 ]; then echo "Found $# runnable jars in {folder}/, not one: say build.start. $*"; exit 1; fi; '
        f'mkdir -p .deployd && cp "$1" {JAR}'
    )


def _is_quarkus(text: str) -> bool:
    return "io.quarkus" in text


def _port(text: str) -> str:
    if "micronaut" in text:
        return "-Dmicronaut.server.port=$PORT"
    return "-Dserver.port=$PORT"


def _wanted(project: Project, text: str) -> str:
    found = _PROPERTIES.search(project.text("system.properties")) or _VERSION.search(text)
    version = next((group for group in found.groups() if group), "") if found else ""
    return f">={version}" if version else ""


RECIPE = Recipe(
    name="java",
    title="Java",
    detect=detect,
    rows=(
        Recognised(
            what="`pom.xml`",
            how="`mvn package` (`./mvnw` when it is there); the one runnable jar in target/ serves.",
        ),
        Recognised(
            what="`build.gradle`, `build.gradle.kts`",
            how="`gradle assemble` (`./gradlew` when it is there); the one runnable jar in build/libs/ serves.",
        ),
        Recognised(
            what="Spring Boot, Micronaut or Quarkus in it",
            how="Its own setting for the port is given $PORT; other programs must listen on $PORT by themselves.",
        ),
    ),
    marks=("pom.xml", *_GRADLE),
)

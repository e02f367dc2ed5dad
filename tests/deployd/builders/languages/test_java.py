"""Java with Maven or Gradle: the build, the jar that serves, the version that is asked for."""

import subprocess
from pathlib import Path

import pytest

from deployd.domain.errors import BuildFailed
from tests.deployd.builders.projects import Files, planned

POM = "<project><packaging>jar</packaging></project>"
BOOT = "<project><parent><artifactId>spring-boot-starter-parent</artifactId></parent></project>"
MVNW = {"mvnw": "", ".mvn/wrapper/maven-wrapper.properties": ""}
GRADLEW = {"gradlew": "", "gradle/wrapper/gradle-wrapper.properties": ""}

PLANS: dict[str, tuple[Files, str, str, list[str]]] = {
    "maven": ({"pom.xml": POM}, "mvn $MAVEN_ARGS -B", "java -Dserver.port=$PORT -jar .deployd/", ["java", "mvn"]),
    "maven's wrapper": ({"pom.xml": BOOT, **MVNW}, "sh ./mvnw $MAVEN_ARGS -B", "-Dserver.port=$PORT", ["java"]),
    "half a wrapper": ({"pom.xml": POM, "mvnw": ""}, "mvn $MAVEN_ARGS -B", "-Dserver.port", ["java", "mvn"]),
    "gradle": ({"build.gradle": ""}, "gradle --no-daemon", "-jar .deployd/app.jar", ["java", "gradle"]),
    "gradle's wrapper": ({"build.gradle.kts": "", **GRADLEW}, "sh ./gradlew --no-daemon", "-jar .deployd", ["java"]),
    "micronaut": ({"pom.xml": "<a>io.micronaut</a>"}, "mvn", "-Dmicronaut.server.port=$PORT", ["java", "mvn"]),
    "quarkus": (
        {"pom.xml": "<a>io.quarkus</a>"}, "mvn",
        "java -Dquarkus.http.port=$PORT -jar target/quarkus-app/quarkus-run.jar", ["java", "mvn"],
    ),
    "quarkus with gradle": ({"build.gradle": "io.quarkus"}, "gradle", "-jar build/quarkus-app/", ["java", "gradle"]),
    "a war of Spring Boot": (
        {"pom.xml": BOOT + "<packaging>war</packaging>"}, "mvn", "-jar .deployd/app.jar", ["java", "mvn"],
    ),
    "a Procfile": (
        {"pom.xml": POM, "Procfile": "web: java -jar target/a.jar"}, "mvn", "java -jar target/a.jar", ["java", "mvn"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANS)
def test_the_jar_is_made_and_serves(case: str) -> None:
    files, build, web, tools = PLANS[case]
    plan = planned(files)
    assert plan.builder == "java"
    assert build in plan.steps[0]
    assert web in plan.processes["web"]
    assert [tool.name for tool in plan.tools] == tools


VERSIONS: dict[str, tuple[Files, str]] = {
    "none": ({"pom.xml": POM}, ""),
    "of Spring Boot": ({"pom.xml": "<java.version>21</java.version>"}, ">=21"),
    "of the compiler": ({"pom.xml": "<maven.compiler.release> 17 </maven.compiler.release>"}, ">=17"),
    "old": ({"pom.xml": "<maven.compiler.target>1.8</maven.compiler.target>"}, ">=8"),
    "of Gradle": ({"build.gradle": "languageVersion = JavaLanguageVersion.of(21)"}, ">=21"),
    "of Gradle, older": ({"build.gradle": "sourceCompatibility = '17'"}, ">=17"),
    "of Gradle, oldest": ({"build.gradle": "sourceCompatibility = JavaVersion.VERSION_1_8"}, ">=8"),
    "of Heroku": ({"pom.xml": POM, "system.properties": "java.runtime.version=21\n"}, ">=21"),
}


@pytest.mark.parametrize("case", VERSIONS)
def test_the_version_is_read(case: str) -> None:
    files, wanted = VERSIONS[case]
    assert planned(files).tools[0].wanted == wanted


@pytest.mark.parametrize(
    ("pom", "sentence"),
    [
        ("<packaging>war</packaging>", "packages a war, which needs an application server"),
        ("<packaging>pom</packaging>", "only gathers modules: say in `build.start`"),
    ],
)
def test_what_does_not_run_by_itself_is_refused(pom: str, sentence: str) -> None:
    with pytest.raises(BuildFailed, match=sentence):
        planned({"pom.xml": pom})
    assert planned({"pom.xml": pom}, start="java -jar x.jar").processes == {"web": "java -jar x.jar"}


@pytest.mark.parametrize(
    ("jars", "code"),
    [
        (["shop-1.0.jar"], 0),
        (["shop.jar", "shop-sources.jar", "shop-javadoc.jar", "shop-plain.jar", "original-shop.jar"], 0),
        (["shop.war"], 0),
        (["a.jar", "b.jar"], 1),
        (["shop-sources.jar"], 1),
        ([], 1),
    ],
)
def test_the_one_runnable_jar_is_taken(jars: list[str], code: int, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    for name in jars:
        (tmp_path / "target" / name).write_text(name)
    step = planned({"pom.xml": POM}).steps[1]
    done = subprocess.run(["sh", "-c", step], cwd=tmp_path, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == code
    if code == 0:
        assert (tmp_path / ".deployd/app.jar").read_text() == jars[0]
    else:
        assert "runnable jars in target/, not one: say build.start" in done.stdout

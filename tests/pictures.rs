//! The pictures of the guide. The chart of the performance page is drawn from the tables of that page:
//! `S3FS_DRAW=1 cargo test --test it pictures` updates it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The page with the tables.
const PAGE: &str = include_str!("../src/guide/performance.md");

/// Position of the bars, and maximum length of a bar.
const LEFT: f64 = 270.0;
const LONGEST: f64 = 380.0;
const WIDTH: u32 = 720;

/// Distance from one bar to the next.
const STEP: u32 = 30;

const BLUE: &str = "#2f7fd6";
const GREY: &str = "#7a7f87";

fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/pictures")
}

/// Returns the rows of the table whose first column has that heading: the first cell, and the last one as a number.
fn rows(page: &str, heading: &str) -> Vec<(String, f64)> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim_matches('|').split('|');
        inner.map(|cell| cell.trim().replace('`', "")).collect()
    };
    let lines = page.lines().skip_while(|line| {
        let first = cells(line).into_iter().next();
        !line.starts_with('|') || first.as_deref() != Some(heading)
    });
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let cells = cells(line);
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else {
            panic!("no cells: {line}");
        };
        let number = last.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        (first.clone(), number)
    })
    .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

struct Chart {
    out: String,
    y: u32,
}

impl Chart {
    fn text(&mut self, x: f64, attributes: &str, text: &str) {
        let (y, text) = (self.y, escaped(text));
        writeln!(
            self.out,
            r#"<text x="{x:.0}" y="{y}"{attributes}>{text}</text>"#
        )
        .unwrap();
    }

    fn heading(&mut self, title: &str, note: &str) {
        self.y += 28;
        self.text(20.0, r#" font-weight="bold""#, title);
        self.y += 20;
        self.text(20.0, r#" font-size="12" fill-opacity="0.75""#, note);
    }

    fn bar(&mut self, from: f64, to: f64, color: &str) {
        let (x, width, y) = (LEFT + from, to - from, self.y - 14);
        writeln!(
            self.out,
            r#"<rect x="{x:.0}" y="{y}" width="{width:.0}" height="18" fill="{color}" fill-opacity="0.75"/>"#
        )
        .unwrap();
    }

    fn row(&mut self, label: &str, bars: &[(f64, f64, &str)], value: &str) {
        self.y += STEP;
        self.text(LEFT - 10.0, r#" text-anchor="end" font-size="13""#, label);
        for (from, to, color) in bars {
            self.bar(*from, *to, color);
        }
        let end = bars.iter().map(|(_, to, _)| *to).fold(0.0, f64::max);
        self.text(LEFT + end + 8.0, r#" font-size="13""#, value);
    }
}

/// Draws the chart of a page with these tables.
fn chart(page: &str) -> String {
    let (times, speeds) = (rows(page, "operation"), rows(page, "a slow server"));
    assert!(!times.is_empty() && !speeds.is_empty());
    let longest = |rows: &[(String, f64)]| {
        let values = rows.iter().map(|(_, value)| *value);
        values.fold(1.0, f64::max)
    };
    let mut chart = Chart {
        out: String::new(),
        y: 0,
    };
    chart.heading(
        "Time of an operation",
        "Bare ureq with the same requests takes 1 (grey). The rest is this crate's (blue).",
    );
    let unit = LONGEST / longest(&times);
    for (label, ratio) in &times {
        let bars = [
            (0.0, unit * ratio.min(1.0), GREY),
            (unit * ratio.min(1.0), unit * ratio, BLUE),
        ];
        chart.row(label, &bars, &format!("{ratio:.2}"));
    }
    chart.y += STEP;
    chart.heading(
        "Speed with several workers, on a slow server",
        "One worker has 1.",
    );
    let unit = LONGEST / longest(&speeds);
    for (label, ratio) in &speeds {
        // The table has the details of the server.
        let label = label.split(',').next().unwrap_or(label);
        chart.row(label, &[(0.0, unit * ratio, BLUE)], &format!("{ratio:.1}"));
    }
    let height = chart.y + 24;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" \
         style=\"max-width: {WIDTH}px\" role=\"img\" aria-labelledby=\"speed-title\" fill=\"currentColor\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <title id=\"speed-title\">The figures of two tables of this page as bars</title>\n{}</svg>\n",
        chart.out
    )
}

#[test]
fn the_chart_shows_the_figures_of_the_tables() {
    let path = pictures().join("speed.svg");
    let drawn = chart(PAGE);
    if std::env::var_os("S3FS_DRAW").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "the tables of performance.md have changed: S3FS_DRAW=1 cargo test --test it pictures"
    );
}

#[test]
fn a_changed_figure_changes_the_chart() {
    let (label, _) = rows(PAGE, "operation").remove(0);
    let page = PAGE.replacen("| 1.", "| 9.", 1);
    assert_ne!(page, PAGE);
    assert!(chart(PAGE).contains(&escaped(&label)));
    assert_ne!(chart(&page), chart(PAGE));
}

#[test]
fn pictures_are_self_contained_and_visible_on_light_and_dark() {
    let mut names = Vec::new();
    for entry in fs::read_dir(pictures()).unwrap() {
        let path = entry.unwrap().path();
        let picture = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // A blank line would end the HTML in a page of Markdown.
        assert!(
            picture.lines().all(|line| !line.trim().is_empty()),
            "{name}"
        );
        assert!(
            picture.starts_with("<svg ") && picture.ends_with("</svg>\n"),
            "{name}"
        );
        let links = picture.replace("http://www.w3.org/2000/svg", "");
        assert!(!links.contains("://") && !links.contains("href"), "{name}");
        // Text has the color of the page.
        assert!(picture.contains("fill=\"currentColor\""), "{name}");
        for text in picture.lines().filter(|line| line.starts_with("<text")) {
            let attributes = &text[..text.find('>').unwrap()];
            assert!(!attributes.contains(" fill="), "{name}: {text}");
        }
        // Each picture has a title for screen readers.
        assert!(
            picture.contains("<title id=\"") && picture.contains("role=\"img\""),
            "{name}"
        );
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["keys.svg", "life.svg", "speed.svg"]);
    let guide =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide.rs")).unwrap();
    for name in names {
        assert!(guide.contains(&format!("guide/pictures/{name}")), "{name}");
    }
}

//! Measures the cost of a decision as documents and rules grow, prints a table, and draws `benches/growth.svg` from
//! the numbers that it writes to `target/growth.json`.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf, doc};
use cpu_time::ThreadTime;
use plotters::prelude::*;
use portcullis::Context;
use portcullis::policy::{self, RulesFile};
use portcullis::value::{DocumentRef, Prepared};
use portcullis::{Guard, User, json};
use serde_json::{Value, json};

const ID: &str = "64b7f0c2a1d3e4f5a6b7c8d9";

/// For each point, the minimum duration of a run, and the number of runs of which the median is taken.
const RUN: Duration = Duration::from_millis(15);
const RUNS: usize = 7;

/// Nanoseconds per decision as a function of a size.
struct Curve {
    name: &'static str,
    points: Vec<(u32, f64)>,
}

struct Chart {
    title: &'static str,
    unit: &'static str,
    curves: Vec<Curve>,
}

fn guard(rules: &Value, user: User) -> Guard {
    let rules = policy::compile(&json::parse(&rules.to_string()).expect("JSON")).expect("rules");
    Guard::new(RulesFile::effective(Some(&rules), None).map(Arc::new), Context::new().with_user(user))
}

fn one_role(apply_when: &Value) -> Value {
    json!({ "roles": [{ "name": "Reader", "apply_when": apply_when, "read": true }] })
}

/// Nanoseconds per decision.
fn time(guard: &Guard, document: DocumentRef<'_>) -> f64 {
    assert!(guard.read(document).is_allowed(), "what is measured is an allowance");
    let run = |calls: u32| {
        let start = ThreadTime::now();
        for _ in 0..calls {
            black_box(guard.read(black_box(document)).is_allowed());
        }
        start.elapsed()
    };
    let mut calls = 16;
    while run(calls) < RUN {
        calls *= 2;
    }
    let mut runs: Vec<f64> = (0..RUNS).map(|_| run(calls).as_secs_f64() * 1e9 / f64::from(calls)).collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// The same decision on raw bytes and on a prepared document.
fn both(sizes: &[u32], case: impl Fn(u32) -> (Guard, Document)) -> Vec<Curve> {
    let mut curves = vec![
        Curve { name: "from BSON bytes", points: Vec::new() },
        Curve { name: "from a prepared document", points: Vec::new() },
    ];
    for size in sizes {
        let (guard, document) = case(*size);
        let raw = RawDocumentBuf::try_from(&document).expect("BSON");
        let prepared = Prepared::new(&raw).expect("BSON");
        curves[0].points.push((*size, time(&guard, (&raw).into())));
        curves[1].points.push((*size, time(&guard, (&prepared).into())));
    }
    curves
}

/// The last field decides.
fn fields() -> Chart {
    let case = |size: u32| {
        let mut document: Document =
            (1..size).map(|n| (format!("field{n}"), Bson::String(format!("a value of {n}")))).collect();
        document.insert("owner", ID);
        (guard(&one_role(&json!({ "owner": "%%user.id" })), User::new(ID)), document)
    };
    let curves = both(&[1, 2, 4, 8, 16, 32, 64, 128, 256], case);
    Chart { title: "fields of the document, the last decides", unit: "fields", curves }
}

/// The last role applies. In one curve, the conditions of the others depend on the document; in the other, they
/// cannot apply to the user.
fn roles() -> Chart {
    let document = || doc! { "_id": 1, "status": "active", "site": "Bremerhaven", "owner": ID };
    let policy = |size: u32, other: &dyn Fn(u32) -> Value| {
        let role = |n: u32| {
            let apply_when = if n == size { json!({ "owner": "%%user.id" }) } else { other(n) };
            json!({ "name": format!("role {n}"), "apply_when": apply_when, "read": true })
        };
        json!({ "roles": (1..=size).map(role).collect::<Vec<_>>() })
    };
    let sizes = [1, 2, 4, 8, 16, 32, 64];
    let mut looking = both(&sizes, |size| {
        let other = |n: u32| json!({ "site": "Bremerhaven", "status": format!("status {n}") });
        (guard(&policy(size, &other), User::new(ID)), document())
    });
    let mut folded = both(&sizes, |size| {
        let other = |n: u32| json!({ "%%user.custom_data.role": format!("role {n}"), "site": "Bremerhaven" });
        (guard(&policy(size, &other), User::new(ID).with_custom_data(doc! { "role": "none" })), document())
    });
    let mut curves = vec![looking.remove(0), folded.remove(0)];
    curves[0].name = "each looks at the document";
    curves[1].name = "the user rules all others out";
    Chart { title: "roles, the last applies (from BSON bytes)", unit: "roles", curves }
}

/// The field that decides is nested this deep.
fn nesting() -> Chart {
    let case = |size: u32| {
        let document = (1..size).fold(doc! { "owner": ID }, |inner, _| doc! { "x": 1, "a": inner });
        let path = format!("{}owner", "a.".repeat(size as usize - 1));
        (guard(&one_role(&json!({ path: "%%user.id" })), User::new(ID)), document)
    };
    Chart { title: "levels down to the field", unit: "levels", curves: both(&[1, 2, 4, 8, 16, 32], case) }
}

/// The document contains the last of the list's values.
fn lists() -> Chart {
    let case = |size: u32| {
        let list: Vec<String> = (1..=size).map(|n| format!("team {n}")).collect();
        let user = User::new(ID).with_custom_data(doc! { "teams": list });
        let guard = guard(&one_role(&json!({ "team": { "$in": "%%user.custom_data.teams" } })), user);
        (guard, doc! { "_id": 1, "team": format!("team {size}") })
    };
    let sizes = [1, 3, 10, 30, 100, 1_000, 10_000, 100_000];
    Chart { title: "values of an $in list, the last is met", unit: "values", curves: both(&sizes, case) }
}

fn draw(charts: &[Chart], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const COLOURS: [RGBColor; 2] = [RGBColor(31, 97, 141), RGBColor(200, 90, 20)];
    let root = SVGBackend::new(path, (960, 640)).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, chart) in root.split_evenly((2, 2)).iter().zip(charts) {
        let points = || chart.curves.iter().flat_map(|curve| &curve.points);
        let widest = points().map(|(size, _)| *size).max().unwrap_or(1);
        let highest = points().map(|(_, ns)| *ns).fold(1.0, f64::max);
        let mut context = ChartBuilder::on(area)
            .caption(chart.title, ("sans-serif", 16))
            .margin(12)
            .margin_right(28)
            .x_label_area_size(34)
            .y_label_area_size(56)
            .build_cartesian_2d((1_u32..widest).log_scale(), (10.0..highest * 2.0).log_scale())?;
        context
            .configure_mesh()
            .x_desc(chart.unit)
            .y_desc("ns a decision")
            .y_label_formatter(&|ns| format!("{ns:.0}"))
            .light_line_style(WHITE)
            .draw()?;
        for (curve, colour) in chart.curves.iter().zip(COLOURS) {
            let series = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2)).point_size(3);
            context
                .draw_series(series)?
                .label(curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        context
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .draw()?;
    }
    root.present()?;
    Ok(())
}

fn main() {
    let charts = [fields(), roles(), nesting(), lists()];
    for chart in &charts {
        println!("{}", chart.title);
        for curve in &chart.curves {
            println!("  {}", curve.name);
            for (size, ns) in &curve.points {
                println!("    {size:>7} {}: {ns:>8.1} ns", chart.unit);
            }
        }
    }
    let rows: Vec<Value> = charts
        .iter()
        .flat_map(|chart| chart.curves.iter().map(move |curve| (chart, curve)))
        .flat_map(|(chart, curve)| {
            curve.points.iter().map(|(size, ns)| {
                json!({ "chart": chart.title, "curve": curve.name, "unit": chart.unit, "n": size, "ns": ns })
            })
        })
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::create_dir_all(root.join("target")).expect("a directory for the numbers");
    std::fs::write(root.join("target/growth.json"), format!("{:#}\n", Value::from(rows))).expect("the numbers");
    draw(&charts, &root.join("benches/growth.svg")).expect("the plot");
    println!("\nThe numbers are in target/growth.json, the plot in benches/growth.svg.");
}

//! What the metrics show.

use super::*;

#[test]
fn checks_are_counted_by_scenario_and_decision() {
    let telemetry = Telemetry::new();
    let catalogue = crate::catalogue::load::built_in().unwrap();
    let counters = telemetry.check_counters(&catalogue);
    counters.count(0, Decision::Block);
    counters.count(0, Decision::Block);
    counters.count(u16::MAX, Decision::Block);
    telemetry
        .check_counters(&catalogue)
        .count(0, Decision::Block);
    let id = &catalogue.scenarios[0].id;
    let line = format!("hecha_checks_total{{scenario=\"{id}\",decision=\"block\"}} 3");
    let text = telemetry.render(&[], &[]);
    assert!(text.contains(&line), "{text}");
}

#[test]
fn durations_of_all_runtimes_are_summed() {
    let telemetry = Telemetry::new();
    let (one, other) = (
        telemetry.new_check_durations(),
        telemetry.new_check_durations(),
    );
    one.record(Duration::from_micros(30));
    other.record(Duration::from_micros(70));
    other.record(Duration::from_secs(9));
    let text = telemetry.render(&[], &[]);
    for line in [
        "hecha_check_duration_seconds_bucket{le=\"0.000025\"} 0",
        "hecha_check_duration_seconds_bucket{le=\"0.00005\"} 1",
        "hecha_check_duration_seconds_bucket{le=\"0.0001\"} 2",
        "hecha_check_duration_seconds_bucket{le=\"+Inf\"} 3",
        "hecha_check_duration_seconds_count 3",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn figures_are_written_as_they_stand() {
    let figure = Figure {
        name: "hecha_snapshot_entries",
        help: "Entries of the snapshot that serves",
        kind: "gauge",
        value: 7.0,
    };
    let text = Telemetry::new().render(&[figure], &[]);
    assert!(text.contains("# TYPE hecha_snapshot_entries gauge\nhecha_snapshot_entries 7\n"));
}

//! The operators' own samples, which are published beside this repository.

use readings::{Content, FileReadings, Input, Options, read_file};

fn read(name: &str) -> FileReadings {
    let path = format!("{}/../../shared/data/files/{name}", env!("CARGO_MANIFEST_DIR"));
    let options = Options { meter: Some("m".parse().unwrap()), ..Options::default() };
    // Under another name: it must not matter.
    read_file(&Input { name: "file".to_owned(), bytes: std::fs::read(path).unwrap() }, &options).unwrap()
}

/// A file's format, and of each meter its span, its intervals, those missing and estimated, and its energy in Wh.
fn facts(name: &str) -> Vec<String> {
    let read = read(name);
    let time = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_string();
    let of_meter = |(name, meter): (&domain::MeterId, &readings::Meter)| {
        let (from, until) = meter.span().unwrap();
        let estimated = meter.known().filter(|(_, slot)| slot.is_estimated()).count();
        let (known, sums) = (meter.known().count(), meter.sums());
        format!(
            "{name} {} {} {known} {} {estimated} {} {}",
            time(from),
            time(until),
            meter.missing(),
            sums.import_wh,
            sums.export_wh
        )
    };
    std::iter::once(read.about.name.to_owned()).chain(read.meters().map(of_meter)).collect()
}

#[needs::files]
#[test]
fn each_sample_is_what_it_says() {
    for (file, format) in [
        ("pt_eredes_5col_dst.xlsx", "e-redes-5"),
        ("be_fluvius_2025_en_dst.csv", "fluvius"),
        ("it_edistribuzione_day_rows.csv", "e-distribuzione"),
        ("at_eda_energiedaten_dst_synthetic.xlsx", "eda"),
        ("at_netznoe.csv", "netz-noe"),
        ("es_datadis_web.csv", "datadis-web"),
        ("es_distribuidora_cch.csv", "e-distribucion-cch"),
        ("fr_enedis_mes_mesures.csv", "enedis"),
        ("generic_wide.csv", "generic-wide"),
    ] {
        let facts = facts(file);
        assert_eq!(facts[0], format, "{file}");
        assert!(facts.len() > 1, "{file}");
    }
    let shares = read("ES0000000000000000AA0FA000_2025.txt");
    assert!(matches!(shares.content, Content::Shares(shares) if shares.0.values().sum::<u32>() == 1_000_000));
}

#[needs::files]
#[test]
fn both_changes_of_clocks_are_whole_days() {
    let e_redes = read("pt_eredes_5col_dst.xlsx");
    let (_, meter) = e_redes.meters().next().unwrap();
    // 100 and 92 quarter-hours, four between them, and nothing missing within.
    assert_eq!((meter.known().count(), meter.holes().len()), (196, 2));
    let fluvius = read("be_fluvius_2025_en_dst.csv");
    let (_, meter) = fluvius.meters().next().unwrap();
    assert!(meter.known().count() > 8, "{:?}", facts("be_fluvius_2025_en_dst.csv"));
    let eda = facts("at_eda_energiedaten_dst_synthetic.xlsx");
    let span = "2022-10-29T23:30:00Z 2022-10-30T02:30:00Z 12 0 1";
    assert!(eda[1].contains(span) && eda.len() == 4, "{eda:?}");
}

//! Every format with a sample of its own, made after the operator's structure: what it becomes, and every trap of it.

use domain::metering::Meter;
use jiff::tz::TimeZone;

use crate::{Content, FileReadings, Input, Options, Problem, read_file};

fn options() -> Options {
    Options { meter: Some("m".parse().unwrap()), ..Options::default() }
}

fn file(bytes: &[u8], options: &Options) -> Result<FileReadings, Problem> {
    // The name says nothing.
    let input = Input { name: "file".to_owned(), bytes: bytes.to_vec() };
    read_file(&input, options).map_err(|refused| refused.problem)
}

fn read(text: &str) -> FileReadings {
    file(text.as_bytes(), &options()).unwrap()
}

fn refused(text: &str) -> String {
    file(text.as_bytes(), &options()).unwrap_err().to_string()
}

/// The intervals of a file's meters: start in UTC, minutes, import and export in Wh, `e` for estimated.
fn slots(read: &FileReadings) -> Vec<String> {
    let Content::Meters(meters) = &read.content else { return Vec::new() };
    meters.iter().flat_map(|(name, meter)| slots_of(name.as_str(), meter)).collect()
}

fn slots_of(name: &str, meter: &Meter) -> Vec<String> {
    let of = |(start, slot): (&i64, &crate::Slot)| {
        let at = jiff::Timestamp::from_second(*start).unwrap().strftime("%dT%H:%M").to_string();
        let wh = |value: Option<crate::Value>, lacks: bool| match value {
            Some(value) => value.grains.to_string().trim_end_matches(" kWh").to_owned(),
            None => (if lacks { "?" } else { "-" }).to_owned(),
        };
        let estimated = if slot.is_estimated() { " e" } else { "" };
        let (import, export) = (wh(slot.import, slot.lacks_import), wh(slot.export, slot.lacks_export));
        format!("{name} {at} {} {import} {export}{estimated}", slot.seconds / 60)
    };
    meter.slots.iter().map(of).collect()
}

#[test]
fn native_csv_has_registers() {
    let read =
        read("meter,timestamp,import_wh,export_wh\nb,2024-01-01T00:15:00Z,120,5\nb,2024-01-01T01:00:00+01:00,100,5\n");
    assert_eq!((read.about.name, read.zone.as_ref()), ("native", None));
    let (_, meter) = read.meters().next().unwrap();
    let lines: Vec<String> = meter.registers.values().map(ToString::to_string).collect();
    assert_eq!(lines, ["import 100 Wh, export 5 Wh", "import 120 Wh, export 5 Wh"]);
    for (row, why) in [
        ("b,2024-01-01,1,1", "\"2024-01-01\" is no time"),
        ("b,2024-01-01T00:00:00Z,1.5,1", "\"1.5\" is no whole number of Wh"),
        ("b,2024-01-01T00:00:00Z,,1", "\"\" is no whole number of Wh"),
        (",2024-01-01T00:00:00Z,1,1", "a name is empty"),
    ] {
        let message = refused(&format!("meter,timestamp,import_wh,export_wh\n{row}\n"));
        assert!(message.starts_with(&format!("row 2 ({}): {why}", row.replace(',', ";"))), "{message}");
    }
}

#[test]
fn a_generic_list_has_columns_by_name_in_kwh_or_wh() {
    let list = "quality,meter,start,end,export_wh,import_kwh\n\
        estimated,a,2024-05-01T00:15:00Z,2024-05-01T00:30:00Z,1500,0.25\n\
        measured,a,2024-05-01T00:00:00Z,2024-05-01T00:15:00Z,,0.1\n";
    let read = read(list);
    assert_eq!(
        (read.about.name, slots(&read)),
        ("generic-long", vec!["a 01T00:00 15 0.100 ?".into(), "a 01T00:15 15 0.250 1.500 e".into()])
    );
    let no_end = "meter,start,import_kwh\na,2024-05-01T00:00:00Z,1\na,2024-05-01T00:30:00Z,1\n";
    assert_eq!(slots(&self::read(no_end)), ["a 01T00:00 30 1.000 -", "a 01T00:30 30 1.000 -"]);
}

#[test]
fn what_a_generic_file_leaves_open_is_refused_with_the_option_that_decides_it() {
    let local = "meter,start,import_kwh\na,2024-10-27 02:00,1\na,2024-10-27 02:00,2\n";
    assert!(refused(local).contains("give --zone"), "{}", refused(local));
    let zone = Options { zone: TimeZone::get("Europe/Vienna").ok(), ..options() };
    assert_eq!(slots(&file(local.as_bytes(), &zone).unwrap()), ["a 27T00:00 60 1.000 -", "a 27T01:00 60 2.000 -"]);
    let single = "meter,start,import_kwh\na,2024-05-01T00:00:00Z,1\n";
    assert!(refused(single).contains("give --step"), "{}", refused(single));
    let step = Options { step: Some(900), ..options() };
    assert_eq!(slots(&file(single.as_bytes(), &step).unwrap()), ["a 01T00:00 15 1.000 -"]);
    assert!(refused("meter,start,import_kwh,import_wh\na,2024-05-01T00:00:00Z,1,1\n").contains("in kWh and in Wh"));
    let no_meter = file(b"Messzeitpunkt;Verbrauch (kWh)\n01.01.2025 00:15;1\n", &Options::default());
    assert!(no_meter.unwrap_err().to_string().contains("give --meter"));
}

#[test]
fn a_generic_table_has_a_column_for_each_meter_and_an_empty_cell_is_missing() {
    let read = read("time,a:import,a:export,b:x:import\n2024-05-01T00:00:00Z,0.1,0,\n2024-05-01T00:15:00Z,0.2,,3\n");
    let expected =
        ["a 01T00:00 15 0.100 0.000", "a 01T00:15 15 0.200 ?", "b:x 01T00:00 15 ? -", "b:x 01T00:15 15 3.000 -"];
    assert_eq!((read.about.name, slots(&read)), ("generic-wide", expected.map(str::to_owned).to_vec()));
    assert!(
        refused("time,a:import,b:imprt\n2024-05-01T00:00:00Z,1,1\n").contains("neither METER:import nor METER:export")
    );
}

const FLUVIUS: &str = "From (date);From (time);Until (date);Until (time);EAN code;Meter;Meter type;Register;Volume;Unit;Validation status;Description";

fn fluvius(rows: &[&str]) -> String {
    let row = |row: &&str| {
        let cells: Vec<&str> = row.split(' ').collect();
        let [from, until, register, volume, status] = cells[..] else { panic!("{row}") };
        let (register, status) = (register.replace('_', " "), status.replace('_', " "));
        format!(
            "29/10/2023;{from}:00;29/10/2023;{until}:00;=\"541\";1SAG;Digital meter;{register};{volume};kWh;{status};"
        )
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("\u{feff}{FLUVIUS}\r\n{}\r\n", rows.join("\r\n"))
}

#[test]
fn fluvius_registers_add_up_and_the_repeated_hour_is_interleaved() {
    let read = read(&fluvius(&[
        "01:45 02:00 Offtake_Night 0,284 Read",
        "02:00 02:15 Offtake_Night 0,276 Read",
        "02:00 02:15 Offtake_Night 0,261 Estimated",
        "02:45 02:00 Offtake_Night 0,100 Validated",
        "02:45 03:00 Offtake_Night 0,200 Read",
        "03:00 03:15 Offtake_Night 0,001 Read",
        "03:00 03:15 Offtake_Day 0,020 Read",
        "03:15 03:30 Offtake_Day  No_consumption",
        "03:15 03:30 Injection_Day 0,5 Read",
    ]));
    let expected = [
        "541 28T23:45 15 0.284 -",
        "541 29T00:00 15 0.276 -",
        "541 29T00:45 15 0.100 -",
        "541 29T01:00 15 0.261 - e",
        "541 29T01:45 15 0.200 -",
        "541 29T02:00 15 0.021 -",
        "541 29T02:15 15 ? 0.500",
    ];
    assert_eq!((read.about.name, slots(&read)), ("fluvius", expected.map(str::to_owned).to_vec()));
    assert_eq!(read.zone.as_ref().and_then(TimeZone::iana_name), Some("Europe/Brussels"));
}

#[test]
fn fluvius_has_headings_in_several_languages_and_spellings() {
    let row = "01-05-2024;00:00:00;01-05-2024;00:15:00;541;1SAG;Digitale meter;Afname Dag;0,5;kWh;Uitgelezen";
    for headings in [
        "Van datum;Van tijdstip;Tot datum;Tot tijdstip;EAN;Meter;Metertype;Register;Volume;Eenheid;Validatiestatus",
        "Van (datum);Van (tijdstip);Tot (datum);Tot (tijdstip);EAN-code;Meter;Metertype;Register;Volume;Eenheid;Validatiestatus",
        "Van (datum);Van (tijdstip);Tot (datum);Tot (tijdstip);EAN-code;Meter;Metertype;Register;Volume;Eenheid;Validatiestatus;Omschrijving",
        "VAN DATUM;van tijdstip;Tot datum;Tot tijdstip;EAN;Meter;Metertype;Register;Volume;Eenheid;Validatiestatus",
    ] {
        assert_eq!(slots(&read(&format!("{headings}\n{row}\n"))), ["541 30T22:00 15 0.500 -"], "{headings}");
    }
    let headings =
        "Van datum;Van tijdstip;Tot datum;Tot tijdstip;EAN;Meter;Metertype;Register;Volume;Eenheid;Validatiestatus";
    for (from, to, why) in [
        (";kWh;", ";MWh;", "its unit is \"MWh\", not kWh"),
        ("Afname Dag", "Vermogen", "neither of offtake nor of injection"),
        ("Uitgelezen", "Verzonnen", "says neither that its value is measured"),
        ("0,5", "-0,5", "it is negative"),
    ] {
        let message = refused(&format!("{headings}\n{}\n", row.replace(from, to)));
        assert!(message.contains(why) && message.contains("row 2"), "{message}");
    }
}

#[test]
fn netz_noe_is_stamped_with_ends_and_names_no_meter() {
    let text = "Messzeitpunkt;Verbrauch (kWh);Qualität;Restnetzbezug (kWh);Qualität EG;\n\
        01.01.2025 00:15;0,063000;L1;;;\n01.01.2025 00:30;0,083001;L2;0,08;L1;\n";
    let expected = ["m 31T23:00 15 0.063 -", "m 31T23:15 15 0.083001 - e"];
    assert_eq!(slots(&read(text)), expected);
    let windows: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(slots(&file(&windows, &options()).unwrap()), expected);
    let hourly: String = (1..6).map(|hour| format!("01.01.2025 0{hour}:00;1,0;L1;\n")).collect();
    assert!(refused(&format!("Messzeitpunkt;Verbrauch (kWh);Qualität;\n{hourly}")).contains("60 min apart"));
}

#[test]
fn datadis_numbers_hours_and_october_has_25() {
    let text = "CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion\nES1;28/11/2019;1;0,232;R\nES1;28/11/2019;24;0,135;E\n";
    assert_eq!(slots(&read(text)), ["ES1 27T23:00 60 0.232 -", "ES1 28T22:00 60 0.135 - e"]);
    let older = "CUPS;Fecha;Hora;Consumo;Metodo_obtencion\nES1;28/11/2019;1;0,232;R\n";
    assert_eq!(slots(&read(older)), ["ES1 27T23:00 60 0.232 -"]);
    let newer = "cups;fecha;hora;consumo_kWh;metodoObtencion;energiaVertida_kWh\nES1;2025/10/26;25;0,2;R;1,5\nES1;2025/10/26;3;0,1;R;0\n";
    assert_eq!(slots(&read(newer)), ["ES1 26T00:00 60 0.100 0.000", "ES1 26T22:00 60 0.200 1.500"]);
    let api = "cups,date,time,consumptionKWh,obtainMethod,surplusEnergyKWh\nES1,2024/05/01,01:00,0.5,Real,0.25\nES1,2024/05/01,24:00,0.5,Estimada,\n";
    assert_eq!(slots(&read(api)), ["ES1 30T22:00 60 0.500 0.250", "ES1 01T21:00 60 0.500 ? e"]);
    let json = "[{\"cups\":\"ES1\",\"date\":\"2024/05/01\",\"time\":\"01:00\",\"consumptionKWh\":0.5,\"obtainMethod\":\"Real\",\"surplusEnergyKWh\":0.25}]";
    assert_eq!(
        (read(json).about.name, slots(&read(json))),
        ("datadis-api", vec!["ES1 30T22:00 60 0.500 0.250".to_owned()])
    );
    assert!(refused("CUPS;Fecha;Hora;Consumo_kWh\nES1;28/11/2019;25;1\n").contains("has 24 hours"));
}

#[test]
fn in_march_hours_are_numbered_as_they_pass_or_by_the_clock_on_the_wall() {
    let day = |hours: &[u8]| {
        let rows: String = hours.iter().map(|hour| format!("ES1;30/03/2025;{hour};0,{hour:02}\n")).collect();
        slots(&read(&format!("CUPS;Fecha;Hora;Consumo_kWh\n{rows}")))
    };
    // 30 March 2025: there is no hour from 02:00 to 03:00.
    assert_eq!(day(&[2, 3]), ["ES1 30T00:00 60 0.020 -", "ES1 30T01:00 60 0.030 -"]);
    assert_eq!(day(&[2, 4, 24]), ["ES1 30T00:00 60 0.020 -", "ES1 30T01:00 60 0.040 -", "ES1 30T21:00 60 0.240 -"]);
    let both = "CUPS;Fecha;Hora;Consumo_kWh\nES1;30/03/2025;3;1\nES1;30/03/2025;24;1\n";
    assert!(refused(both).contains("clocks are put forward"), "{}", refused(both));
    let october = "CUPS;Fecha;Hora;Consumo_kWh\nES1;26/10/2025;3;1\nES1;26/10/2025;3;2\nES1;26/10/2025;4;3\n";
    assert_eq!(
        slots(&read(october)),
        ["ES1 26T00:00 60 1.000 -", "ES1 26T01:00 60 2.000 -", "ES1 26T02:00 60 3.000 -"]
    );
}

#[test]
fn e_distribucion_has_both_directions() {
    let text = "CUPS;Fecha;Hora;AE_kWh;AS_KWh;AE_AUTOCONS_kWh;REAL/ESTIMADO\nES1;25/10/2025;24;0,168;0,5;0;R\nES1;26/10/2025;25;0,201;0;0;E\n";
    assert_eq!(slots(&read(text)), ["ES1 25T21:00 60 0.168 0.500", "ES1 26T22:00 60 0.201 0.000 e"]);
}

fn enedis(step: &str, values: &str) -> String {
    format!(
        "Identifiant PRM;Type de donnees;Date de debut;Date de fin;Grandeur physique;Grandeur metier;Etape metier;Unite;Pas en minutes\n\
         00012345678901;Courbe de charge;01/09/2018;21/08/2020;Energie active;Consommation;Comptage Brut;W;{step}\n\n\
         Horodate;Valeur\n{values}"
    )
}

#[test]
fn enedis_gives_mean_power_and_its_step_is_the_distance_of_rows_where_it_says_none() {
    let ten = "2020-08-20T23:40:00+02:00;270\n2020-08-20T23:50:00+02:00;265\n2020-08-21T00:00:00+02:00;\n";
    let expected = [
        "00012345678901 20T21:30 10 0.045 -",
        "00012345678901 20T21:40 10 0.044166666666 -",
        "00012345678901 20T21:50 10 ? -",
    ];
    assert_eq!(slots(&read(&enedis("", ten))), expected);
    assert_eq!(slots(&read(&enedis("30", "2020-08-20T23:30:00+02:00;100\n"))), ["00012345678901 20T21:00 30 0.050 -"]);
    let changed = "2020-01-01T00:00:00+01:00;60\n2020-01-01T01:00:00+01:00;60\n2020-01-01T02:00:00+01:00;60\n2020-01-01T03:00:00+01:00;60\n\
        2020-01-01T03:30:00+01:00;60\n2020-01-01T04:00:00+01:00;60\n2020-01-01T04:30:00+01:00;60\n2020-01-01T05:00:00+01:00;60\n";
    let lengths: Vec<u32> = read(&enedis("", changed))
        .meters()
        .flat_map(|(_, meter)| meter.slots.values())
        .map(|slot| slot.seconds / 60)
        .collect();
    assert_eq!(lengths, [60, 60, 60, 60, 30, 30, 30, 30]);
    let alone = enedis("", "2020-08-20T23:30:00+02:00;100\n");
    assert!(refused(&alone).contains("give --step"), "{}", refused(&alone));
    assert!(refused(&alone.replace(";W;", ";VA;")).contains("neither W nor kW"));
    assert!(refused(&alone.replace("Courbe de charge", "Index")).contains("its type is \"Index\""));
}

fn italian(days: &[(&str, &str)]) -> String {
    let quarter = |number: u16| format!("{:02}:{:02}", number / 4 % 24, number % 4 * 15);
    let headings: Vec<String> = (0..96).map(|number| format!("{}-{}", quarter(number), quarter(number + 1))).collect();
    let day = |(day, value): &(&str, &str)| format!("\"{day}\";{}\n", format!("\"{value}\";").repeat(96));
    format!("Giorno;{}\n{}", headings.join(";"), days.iter().map(day).collect::<String>())
}

#[test]
fn e_distribuzione_has_a_row_a_day() {
    let read = read(&italian(&[("01/09/2024", "0,1")]));
    let slots = slots(&read);
    assert_eq!(
        (slots.len(), slots[0].as_str(), slots[95].as_str()),
        (96, "m 31T22:00 15 0.100 -", "m 01T21:45 15 0.100 -")
    );
    let export = Options { export: true, ..options() };
    let read = file(italian(&[("01/09/2024", "0,1")]).as_bytes(), &export).unwrap();
    assert!(self::slots(&read)[0].ends_with("15 - 0.100"));
}

#[test]
fn e_distribuzione_says_what_its_96_columns_cannot_hold() {
    let october = read(&italian(&[("27/10/2024", "0,1")]));
    let (_, meter) = october.meters().next().unwrap();
    assert_eq!((meter.slots.len(), meter.missing()), (96, 4));
    assert!(october.notes.iter().any(|note| note.text.contains("has 100 quarter-hours")), "{:?}", october.notes);
    let march = read(&italian(&[("30/03/2025", "0")]));
    assert_eq!(march.meters().next().map(|(_, meter)| (meter.slots.len(), meter.missing())), Some((92, 0)));
    assert!(refused(&italian(&[("30/03/2025", "0,1")])).contains("clocks are put forward"));
}

#[test]
fn leneda_gives_mean_power_from_its_start_in_utc() {
    let json = r#"{"meteringPointCode":"LU1","obisCode":"1-1:2.29.0","intervalLength":"PT15M","unit":"kW","items":[
        {"value":0.0256,"startedAt":"2024-05-01T00:00:00Z","type":"Actual","version":2,"calculated":false},
        {"value":2.2919999999999998,"startedAt":"2024-05-01T00:15:00Z","type":"Actual","version":1,"calculated":true}]}"#;
    let read = read(json);
    assert_eq!(
        (read.about.name, slots(&read)),
        ("leneda", vec!["LU1 01T00:00 15 - 0.0064".into(), "LU1 01T00:15 15 - 0.573 e".into()])
    );
    for (from, to, why) in [
        ("kW\"", "W\"", "neither kW nor kWh"),
        ("2.29.0", "3.29.0", "neither 1-1:1.29.0"),
        ("PT15M", "P1D", "not PT15M"),
    ] {
        assert!(refused(&json.replacen(from, to, 1)).contains(why));
    }
}

#[test]
fn edc_counts_what_was_measured_and_keeps_what_is_left_after_sharing_to_compare() {
    let text = "Datum;Cas od;Cas do;IN-8591-D;OUT-8591-D;IN-8592-O;OUT-8592-O\n\
        01.09.2024;00:00;00:15;0,5;0,2;-0,31;-0,01;\n01.09.2024;23:45;00:00;0;0;-1;-1;\n";
    let read = read(text);
    let expected = [
        "8591 31T22:00 15 0.000 0.500",
        "8591 01T21:45 15 0.000 0.000",
        "8592 31T22:00 15 0.310 0.000",
        "8592 01T21:45 15 1.000 0.000",
    ];
    assert_eq!((read.about.name, slots(&read)), ("edc", expected.map(str::to_owned).to_vec()));
    assert!(
        read.notes.iter().any(|note| note.text.contains("8592: 1.010 kWh are left after sharing")),
        "{:?}",
        read.notes
    );
    assert!(
        refused(&text.replace("Cas od", "Čas od").replace("IN-8592-O", "IN-8592-X")).contains("neither IN-{EAN}-D")
    );
}

#[test]
fn shares_add_up_to_1_with_six_decimals() {
    let shares = |text: &str| match read(text).content {
        Content::Shares(shares) => {
            shares.0.into_iter().map(|(cups, share)| format!("{cups} {share}")).collect::<Vec<_>>()
        }
        Content::Meters(_) => Vec::new(),
    };
    let [a, b] = ["ES0000000000000001AA0F", "ES0000000000000002AB"];
    assert_eq!(shares(&format!("{a};0,333333\r\n{b};0,666667\r\n")), [format!("{a} 333333"), format!("{b} 666667")]);
    for (text, why) in [
        (format!("{a};0,333333\n{b};0,333333\n"), "add up to 0.666666, not to 1.000000"),
        (format!("{a};0,5\n{b};0,5\n"), "six decimals"),
        (format!("{a};0,500000\n{a};0,500000\n"), "another row has this CUPS"),
        (format!("{a};1,000000\nx;0,000000\n"), "row 2 (x;0,000000): it has no CUPS"),
    ] {
        assert!(refused(&text).contains(why), "{}", refused(&text));
    }
}

#[test]
fn rows_that_repeat_are_taken_once_and_rows_that_contradict_are_refused_with_both() {
    let row = |hour: u8, kwh: &str| format!("ES1;28/11/2019;{hour};{kwh};R\n");
    let text = |rows: &[String]| format!("CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion\n{}", rows.concat());
    let twice = read(&text(&[row(1, "0,2"), row(2, "0,1"), row(1, "0,2")]));
    assert_eq!(slots(&twice).len(), 2);
    assert!(twice.notes.iter().any(|note| note.text.contains("repeat another one, taken once")), "{:?}", twice.notes);
    let other = text(&[row(1, "0,2"), row(2, "0,1"), row(1, "0,3")]);
    let message = refused(&other);
    assert!(
        message.contains("row 4") && message.contains("0.300 kWh") && message.contains("row 2 has 0.200 kWh"),
        "{message}"
    );
    let skipping = Options { skip_bad: true, ..options() };
    let left = file(other.as_bytes(), &skipping).unwrap();
    // Nobody knows which of the two is right.
    assert_eq!((slots(&left).len(), left.skipped.len(), left.skipped_total), (1, 1, 1));
}

#[test]
fn a_file_that_is_no_known_one_is_told_what_was_looked_for_and_seen() {
    let message = refused("a;b;c\n1;2;3\n4;5;6\n");
    for part in
        ["\"a;b;c\"", "\"1;2;3\"", "Giorno;00:00-00:15", "MeteringpointID", "CUPS;0,333333", "meteringPointCode"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(refused(" \n"), "it is empty");
    assert!(refused("{\"a\": 1}").contains("meteringPointCode"));
    assert!(refused("{\"a\": ").contains("damaged"));
}

#[test]
fn each_format_takes_its_own_files_alone() {
    for format in super::ALL {
        let about = format.about();
        let same = super::ALL.iter().filter(|other| other.about().name == about.name).count();
        assert_eq!(same, 1, "{}", about.name);
    }
}

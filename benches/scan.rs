//! How fast are a million listed organisation names looked for in documents of 10 KB?
//!
//! Beside daachorse (characters) and aho-corasick (bytes) on the same names and documents; all
//! three must find the same places. Folding is part of a scan, so each is measured with it and, for
//! the two automata, without. `cargo bench --bench scan -- 1000000` sets the names, `quick` leaves
//! the automata out. Figures are the best and the median of the rounds.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints"
)]

mod corpus;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use corpus::Random;
use daachorse::charwise::{CharwiseDoubleArrayAhoCorasick, CharwiseDoubleArrayAhoCorasickBuilder};
use hecha::index::patterns::{Pattern, PatternTables, WindowHash};
use hecha::index::scan::{HitKind, Scanner};
use hecha::name::fold::fold;
use hecha::name::organisation;
use hecha::name::passage::Passage;
use hecha::snapshot::scan_sections::ScanTables;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

const SALT: [u8; 32] = [9; 32];
const DOCUMENTS: usize = 400;
const DOCUMENT_BYTES: usize = 10_000;
const ROUNDS: usize = 15;

const PLACES: &[&str] = &[
    "福建省",
    "福建",
    "福州",
    "福州市",
    "厦门",
    "厦门市",
    "泉州",
    "泉州市",
    "漳州",
    "莆田",
    "三明",
    "南平",
    "龙岩",
    "宁德",
    "晋江",
    "石狮",
    "南安",
    "福清",
    "长乐",
    "闽侯县",
    "连江县",
    "罗源县",
    "平潭",
    "北京",
    "上海",
    "天津",
    "重庆",
    "广州",
    "深圳",
    "杭州",
    "宁波",
    "温州",
    "南京",
    "苏州",
    "无锡",
    "济南",
    "青岛",
    "郑州",
    "武汉",
    "长沙",
    "成都",
    "西安",
    "昆明",
    "贵阳",
    "南昌",
    "合肥",
];
const BRAND_CHARS: &str = "鑫盛华兴源泰和信达通宏伟建安顺祥瑞丰隆昌永利恒天地海山江河金银玉石东西南北\
                           中新创美佳康健福禄寿喜龙凤虎马鹏飞腾远大正德仁义礼智诚嘉亿万千百联合众\
                           旺荣光明亮星辰日月春夏秋冬云雨雪风雷电火水木土林森泉洋波涛润泽宝鼎世纪";
const TRADES: &[&str] = &[
    "建筑工程",
    "贸易",
    "物流",
    "食品",
    "科技",
    "电梯",
    "环保",
    "置业",
    "房地产开发",
    "酒业",
    "建材",
    "装饰设计",
    "园林绿化",
    "信息技术",
    "网络科技",
    "医疗器械",
    "汽车销售",
    "餐饮管理",
    "服装",
    "机械制造",
    "电子",
    "化工",
    "纺织",
    "家具",
    "印刷",
    "广告传媒",
    "教育咨询",
    "劳务派遣",
    "供应链管理",
    "新能源",
    "农业开发",
    "水产",
];
const FORMS: &[&str] = &[
    "有限公司",
    "有限公司",
    "有限公司",
    "有限责任公司",
    "股份有限公司",
    "集团有限公司",
    "有限公司福州分公司",
    "厂",
    "经营部",
    "合作社",
];
const SENTENCES: &[&str] = &[
    "根据招标文件的要求，投标人应当具备独立承担民事责任的能力，",
    "具有良好的商业信誉和健全的财务会计制度；",
    "本项目不接受联合体投标。",
    "投标保证金为人民币伍拾万元整，",
    "注册地址：",
    "法定代表人：",
    "联系电话：0599-87654321，",
    "中标供应商应当在中标通知书发出之日起三十日内签订合同，",
    "履约期限：合同签订后90个日历日。",
    "资格审查结果：合格",
    "报价（元）：1,234,567.00 ",
    "\n",
    "授权代表签字：",
    "施工单位",
    "监理单位：",
];

fn main() {
    let wanted = std::env::args().find_map(|arg| arg.parse().ok());
    let wanted = wanted.unwrap_or(1_000_000usize);
    let mut random = Random::new(7);
    let chars: Vec<char> = BRAND_CHARS.chars().collect();
    let mut names = BTreeSet::new();
    while names.len() < wanted {
        names.insert(fold(&firm(&mut random, &chars)));
    }
    let names: Vec<String> = names.into_iter().collect();
    let documents: Vec<String> = (0..DOCUMENTS)
        .map(|_| document(&mut random, &names, &chars))
        .collect();
    let bytes: usize = documents.iter().map(String::len).sum();
    println!("{wanted} names, {DOCUMENTS} documents, {bytes} bytes");
    let places = ours(&names, &documents, bytes, false);
    ours(&names, &documents, bytes, true);
    if !std::env::args().any(|arg| arg == "quick") {
        automata(&names, &documents, bytes, places);
    }
}

fn firm(random: &mut Random, chars: &[char]) -> String {
    let mut name = random.one_of(PLACES).to_owned();
    for _ in 0..2 + random.below(3) {
        name.push(chars[random.below(chars.len())]);
    }
    name.push_str(random.one_of(TRADES));
    name.push_str(random.one_of(FORMS));
    name
}

/// Sentences of tenders, addresses, firms that are not listed and, one piece in fifty, some that
/// are.
fn document(random: &mut Random, names: &[String], chars: &[char]) -> String {
    let mut text = String::with_capacity(DOCUMENT_BYTES + 200);
    while text.len() < DOCUMENT_BYTES {
        match random.below(100) {
            0..2 => text.push_str(&names[random.below(names.len())]),
            2..10 => text.push_str(&firm(random, chars)),
            10..25 => text.push_str(random.one_of(PLACES)),
            25..35 => text.push_str(random.one_of(TRADES)),
            35..45 => text.extend((0..20).map(|_| chars[random.below(chars.len())])),
            _ => text.push_str(random.one_of(SENTENCES)),
        }
    }
    text
}

/// Places found of whole names.
fn ours(names: &[String], documents: &[String], bytes: usize, with_brands: bool) -> usize {
    let started = Instant::now();
    let mut text = String::new();
    let mut patterns = Vec::with_capacity(names.len());
    for (number, name) in (0..).zip(names) {
        let first = text.len();
        text.push_str(name);
        patterns.extend(Pattern::new(&text, first..text.len(), number, false));
        let brand = with_brands.then(|| organisation::brand(name));
        if let Some(brand) = brand.flatten() {
            let place = first + brand.start..first + brand.end;
            patterns.extend(Pattern::new(&text, place, number, true));
        }
    }
    let tables = PatternTables::build(&text, patterns, WindowHash::new(&SALT)).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let [rows, lines] = [size_of_val(&*tables.rows), size_of_val(&*tables.lines)];
    let sets = [&tables.pairs, &tables.starts, &tables.keys].map(|set| size_of_val(&**set));
    println!(
        "\nhecha{}: built in {seconds:.2} s, {} texts; {:.1} MB: rows {:.1}, lines {:.1}, sets \
         {:.1}; beside it the names themselves, which the snapshot has anyway, {:.1}",
        if with_brands { " with brands" } else { "" },
        tables.rows.len(),
        megabytes(rows + lines + sets.iter().sum::<usize>()),
        megabytes(rows),
        megabytes(lines),
        megabytes(sets.iter().sum()),
        megabytes(text.len()),
    );
    let tables = ScanTables {
        rows: &tables.rows,
        lines: &tables.lines,
        pairs: &tables.pairs,
        starts: &tables.starts,
        keys: &tables.keys,
        text: text.as_bytes(),
    };
    let scanner = Scanner::new(tables, &SALT).unwrap();
    let mut passage = Passage::default();
    say("folding alone", bytes, || {
        for document in documents {
            passage.fold(document);
            black_box(passage.chars().len());
        }
        0
    });
    let mut names_found = 0;
    say("folding and scan", bytes, || {
        names_found = 0;
        let mut places = 0;
        for document in documents {
            passage.fold(document);
            let hits = scanner.scan(&passage, |_| true);
            let is_name = |hit: &&_| hit_kind(hit) == HitKind::Name;
            names_found += hits.iter().filter(is_name).count();
            places += hits.len();
        }
        places
    });
    names_found
}

fn hit_kind(hit: &hecha::index::scan::Hit) -> HitKind {
    hit.found.kind
}

fn automata(names: &[String], documents: &[String], bytes: usize, places: usize) {
    let folded: Vec<String> = documents.iter().map(|document| fold(document)).collect();
    let started = Instant::now();
    let charwise: CharwiseDoubleArrayAhoCorasick<u32> =
        CharwiseDoubleArrayAhoCorasickBuilder::new()
            .match_kind(daachorse::MatchKind::LeftmostLongest)
            .build(names)
            .unwrap();
    println!(
        "\ndaachorse, characters: built in {:.2} s, {:.1} MB",
        started.elapsed().as_secs_f64(),
        megabytes(charwise.heap_bytes())
    );
    let find = |text: &str| charwise.leftmost_find_iter(text).count();
    beside(documents, &folded, bytes, places, &find);
    drop(charwise);
    let started = Instant::now();
    let bytewise = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .match_kind(MatchKind::LeftmostLongest)
        .build(names)
        .unwrap();
    println!(
        "\naho-corasick, contiguous: built in {:.2} s, {:.1} MB",
        started.elapsed().as_secs_f64(),
        megabytes(bytewise.memory_usage())
    );
    let find = |text: &str| bytewise.find_iter(text).count();
    beside(documents, &folded, bytes, places, &find);
}

fn beside(
    documents: &[String],
    folded: &[String],
    bytes: usize,
    places: usize,
    find: &dyn Fn(&str) -> usize,
) {
    let found = say("scan of folded text", bytes, || {
        folded.iter().map(|text| find(text)).sum()
    });
    assert_eq!(found, places, "all find the same");
    let (mut passage, mut text) = (Passage::default(), String::new());
    say("folding and scan", bytes, || {
        let of_document = |document: &String| {
            passage.fold(document);
            text.clear();
            text.extend(passage.chars());
            find(&text)
        };
        documents.iter().map(of_document).sum()
    });
}

/// Runs all documents several times; what the last round found.
fn say(what: &str, bytes: usize, mut round: impl FnMut() -> usize) -> usize {
    let mut found = 0;
    let mut speeds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            found = round();
            bytes as f64 / started.elapsed().as_secs_f64() / 1e6
        })
        .collect();
    speeds.sort_by(f64::total_cmp);
    let [median, best] = [speeds[ROUNDS / 2], speeds[ROUNDS - 1]];
    println!("  {what}: {median:.0} MB/s median, {best:.0} best; {found} places");
    found
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

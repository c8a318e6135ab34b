// Rust: threads, atomics, channels, panics that unwind across threads, u128 and float formatting, collections, processes.
use std::collections::{BTreeMap, HashMap};
use std::panic;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex, RwLock};
use std::thread;

trait Op { fn run(&self, x: u64) -> u64; }
struct Add(u64);
struct Mul(u64);
impl Op for Add { fn run(&self, x: u64) -> u64 { x.wrapping_add(self.0) } }
impl Op for Mul { fn run(&self, x: u64) -> u64 { x.wrapping_mul(self.0) } }

fn depth(n: u32) -> u64 { if n == 0 { panic!("bottom") } else { depth(n - 1) + n as u64 } }

fn main() {
    panic::set_hook(Box::new(|_| {}));
    let hits = Arc::new(AtomicU64::new(0));
    let map = Arc::new(Mutex::new(BTreeMap::new()));
    let all: Vec<_> = (0..8u64).map(|me| {
        let (hits, map) = (hits.clone(), map.clone());
        thread::spawn(move || {
            for i in 0..20000u64 {
                hits.fetch_add(1, Ordering::Relaxed);
                if i % 100 == 0 { *map.lock().unwrap().entry(i * me % 17).or_insert(0u64) += i; }
            }
            if me == 3 { panic!("thread {}", me) }
            me
        })
    }).collect();
    let joined: Vec<String> = all.into_iter().map(|t| match t.join() {
        Ok(n) => n.to_string(),
        Err(e) => e.downcast_ref::<String>().cloned().unwrap_or_default(),
    }).collect();
    println!("{} {:?} {:?}", hits.load(Ordering::SeqCst), joined, map.lock().unwrap());

    let (tx, rx) = mpsc::channel();
    for i in 0..4 { let tx = tx.clone(); thread::spawn(move || for j in 0..1000 { tx.send(i * j).unwrap() }); }
    drop(tx);
    println!("{}", rx.iter().sum::<i32>());
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let other = pair.clone();
    let t = thread::spawn(move || for i in 1..=500 { let mut g = other.0.lock().unwrap(); while *g != 2 * i - 1 { g = other.1.wait(g).unwrap(); } *g += 1; other.1.notify_one(); });
    for i in 0..500 { let mut g = pair.0.lock().unwrap(); while *g != 2 * i { g = pair.1.wait(g).unwrap(); } *g += 1; pair.1.notify_one(); }
    t.join().unwrap();
    println!("{} {}", pair.0.lock().unwrap(), RwLock::new(5).read().unwrap());

    let caught = (0..300).filter(|&n| panic::catch_unwind(|| depth(n)).is_err()).count();
    println!("{} {:?}", caught, panic::catch_unwind(|| [1, 2, 3][std::env::args().count() + 4]).is_err());
    let ops: Vec<Box<dyn Op>> = (0..1000).map(|i| if i % 3 == 0 { Box::new(Add(i)) as Box<dyn Op> } else { Box::new(Mul(i | 1)) }).collect();
    println!("{}", (0..200).fold(1, |x, _| ops.iter().fold(x, |x, o| o.run(x))));
    let f: u128 = (1..=34u128).product();
    println!("{} {} {}", f, f % 1000000000000000003, (f as f64).sqrt());
    println!("{:?} {:e} {} {:?}", 0.1f64 + 0.2, 1.5e300f64, f32::MIN_POSITIVE, (2.5f64.round(), (-0.5f64).round(), 1e20f64 as i32, f64::NAN as u8));
    let mut words: HashMap<String, usize> = HashMap::new();
    for i in 0..50000 { *words.entry(format!("w{}", i * i % 1009)).or_default() += 1; }
    let mut v: Vec<_> = words.into_iter().collect();
    v.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    println!("{} {:?}", v.len(), &v[..3]);
    let out = Command::new("sh").args(["-c", "echo from child; exit 5"]).output().unwrap();
    println!("{:?} {:?}", String::from_utf8_lossy(&out.stdout), out.status.code());
}

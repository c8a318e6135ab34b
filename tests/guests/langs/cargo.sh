#!/bin/bash
# A crate with threads, a caught panic and tests, built, run and tested without a network.
export CARGO_HOME=$PWD/h USER=u
cargo --version | cut -d" " -f2
cargo -q new --vcs none x && cd x && cat >src/main.rs <<'R'
use std::collections::BTreeMap;
use std::thread;
fn f(a: u64) -> u64 { a.rotate_left(3) ^ 0x9e37_79b9 }
fn main() {
    let h: Vec<_> = (0..4).map(|i: u64| thread::spawn(move || (0..1000u64).fold(i, |a, x| f(a.wrapping_add(x))))).collect();
    let m: BTreeMap<usize, u64> = h.into_iter().map(|t| t.join().unwrap()).enumerate().collect();
    println!("{:?}", m);
    println!("{:?}", std::panic::catch_unwind(|| { let v: Vec<u8> = vec![]; v[m.len()] }).is_err());
}
#[cfg(test)] mod t { #[test] fn one() { assert_eq!(super::f(0), 0x9e37_79b9) } #[test] #[should_panic] fn two() { panic!() } }
R
cargo -q run --offline 2>/dev/null; echo run $?
cargo -q test --offline 2>&1 | sed 's/finished in.*//'

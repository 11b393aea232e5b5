//! What the parts of an answer cost, each alone: deciding, knowing who asks, working out a range, sealing, opening.

#[path = "../../tests/it/contracts/vault/memory_keys.rs"]
mod memory_keys;
mod sealing;
/// As the core's tests have it.
#[path = "../../actors/tests/core"]
mod core {
    #[expect(
        dead_code,
        unused_imports,
        reason = "the tests have it misbehave, which nobody measures"
    )]
    pub(crate) mod world;
}

use std::hint::black_box;
use std::time::Duration;

use actors::domain::{BusinessId, Permit, answer_range};
use actors::ports::Clock;
use criterion::{Criterion, criterion_group, criterion_main};
use hearback::auth::{Authority, Role};
use hearback::config::Config;
use hearback::world::SystemClock;
use secrecy::SecretString;
use tokio::runtime::{Builder, Runtime};

use self::core::world::World;

const SECRET: &str = "a secret of more than thirty-two bytes";
const RECORDING_BYTES: u64 = 1_000_000;

/// A ready recording: the ask, its way to the call's actor and back, and the permit.
fn decide(criterion: &mut Criterion) {
    let runtime = runtime();
    let world = runtime.block_on(async {
        let world = World::start(|_, _| {}).await;
        world.catalog.add(1);
        world.play(1).await;
        world
    });
    criterion.bench_function("decide", |bencher| {
        bencher.iter(|| {
            let permit = runtime.block_on(world.listen(1, Duration::ZERO));
            assert!(matches!(permit, Ok(Some(Permit::Play(_)))));
        });
    });
}

fn authenticate(criterion: &mut Criterion) {
    let config = Config::load(None).expect("the defaults are sound");
    let authority = Authority::new(&config, &SecretString::from(SECRET)).expect("an authority");
    let business: BusinessId = "acme".parse().expect("a business id");
    let (now, ttl) = (SystemClock.now(), Duration::from_hours(1));
    let token = authority.mint(&business, Role::Agent, now, ttl).expect("minted");
    criterion.bench_function("authenticate", |bencher| {
        bencher.iter(|| authority.check(black_box(&token)).expect("a good token"));
    });
}

fn range(criterion: &mut Criterion) {
    criterion.bench_function("range", |bencher| {
        bencher.iter(|| answer_range(black_box("bytes=65536-131071"), RECORDING_BYTES));
    });
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

criterion_group!(parts, decide, authenticate, range, sealing::seal, sealing::open);
criterion_main!(parts);

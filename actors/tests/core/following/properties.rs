//! Whatever source and listeners do: bytes heard under one version are those of one content, and a stream that ends
//! normally has all that was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::{ByteRange, FetchError, Permit, Version};
use actors::ports::Vault;
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt};
use proptest::prelude::*;
use tokio::time::sleep;

use super::marked_frames;
use crate::world::{Answer, PATIENCE, Pace, World, recording};

/// What the source does with one request.
#[derive(Debug, Clone)]
enum Reply {
    Body { content: usize, resumes: bool, chunks: Vec<(Duration, usize)>, is_cut: bool },
    Error(FetchError),
}

#[derive(Debug, Clone)]
struct Listener {
    joins_after: Duration,
    /// Shares of the length.
    range: (f64, f64),
    leaves_after: Option<usize>,
    /// Between two pieces.
    pause: Duration,
}

/// What one listener heard.
struct Heard {
    version: Version,
    range: ByteRange,
    bytes: Vec<u8>,
    /// Every byte came, says the stream.
    is_whole: bool,
}

fn replies() -> impl Strategy<Value = Reply> {
    let pause = (0u64..400).prop_map(|centi| Duration::from_millis(centi * centi / 10));
    let chunks = prop::collection::vec((pause, 1usize..60_000), 0..12);
    let errors = prop_oneof![
        Just(FetchError::Status(503)),
        Just(FetchError::Unreachable("refused".to_owned())),
        Just(FetchError::NotFound),
        Just(FetchError::Throttled { retry_after: Duration::from_secs(7) }),
    ];
    prop_oneof![
        5 => (prop::bool::weighted(0.1), any::<bool>(), chunks, any::<bool>()).prop_map(
            |(other, resumes, chunks, is_cut)| Reply::Body {
                content: usize::from(other), resumes, chunks, is_cut
            }
        ),
        1 => errors.prop_map(Reply::Error),
    ]
}

fn listeners() -> impl Strategy<Value = Listener> {
    let joins_after = (0u64..60_000).prop_map(Duration::from_millis);
    let leaves_after = prop::option::weighted(0.3, 0usize..4);
    let pause = prop_oneof![
        3 => Just(Duration::ZERO),
        1 => (0u64..3_000).prop_map(Duration::from_millis),
    ];
    (joins_after, (0.0f64..1.0, 0.0f64..1.0), leaves_after, pause).prop_map(
        |(joins_after, range, leaves_after, pause)| Listener {
            joins_after,
            range,
            leaves_after,
            pause,
        },
    )
}

impl Listener {
    async fn listen(&self, world: &World) -> Option<Heard> {
        sleep(self.joins_after).await;
        match world.ask(1, PATIENCE).await {
            Ok(Some(Permit::Play(playable))) => {
                let range = self.range_of(playable.copy.length);
                let stream = world.vault.read(&playable, range).await.ok()?;
                Some(self.hear(playable.copy.version, range, stream).await)
            }
            Ok(Some(Permit::Follow(arrival, _))) => {
                let range = self.range_of(arrival.length());
                Some(self.hear(arrival.version(), range, arrival.follow(range)).await)
            }
            Ok(Some(Permit::Wait(_) | Permit::Deny(_))) => None,
            other => panic!("{other:?}"),
        }
    }

    fn range_of(&self, length: u64) -> ByteRange {
        let place = |share: f64| ((length as f64 * share) as u64).min(length - 1);
        let (one, two) = (place(self.range.0), place(self.range.1));
        ByteRange { first: one.min(two), last: one.max(two) }
    }

    async fn hear<E>(
        &self,
        version: Version,
        range: ByteRange,
        stream: impl Stream<Item = Result<bytes::Bytes, E>>,
    ) -> Heard {
        let mut heard = Heard { version, range, bytes: Vec::new(), is_whole: false };
        let mut stream = std::pin::pin!(stream);
        let mut pieces = 0;
        loop {
            if self.leaves_after == Some(pieces) {
                return heard;
            }
            pieces += 1;
            match stream.next().await {
                Some(Ok(bytes)) => heard.bytes.extend_from_slice(&bytes),
                Some(Err(_)) => return heard,
                None => {
                    heard.is_whole = true;
                    return heard;
                }
            }
            sleep(self.pause).await;
        }
    }
}

/// Which of the contents a version is, as far as what was heard tells.
fn judge(all: &[Heard], contents: &[Vec<u8>; 2]) -> Result<(), TestCaseError> {
    let mut possible: BTreeMap<Version, Vec<usize>> = BTreeMap::new();
    for heard in all {
        let first = usize::try_from(heard.range.first).expect("it fits");
        let fits = |content: &usize| {
            contents[*content].get(first..first + heard.bytes.len()) == Some(&heard.bytes)
        };
        let left = possible.entry(heard.version).or_insert_with(|| vec![0, 1]);
        left.retain(fits);
        prop_assert!(!left.is_empty(), "other bytes under {:?} at {first}", heard.version);
        if heard.is_whole {
            prop_assert_eq!(heard.bytes.len() as u64, heard.range.length(), "taken for whole");
        }
    }
    Ok(())
}

async fn story(
    replies: Vec<Reply>,
    listeners: Vec<Listener>,
    evictions: Vec<Duration>,
) -> Result<(), TestCaseError> {
    // Of different lengths, and the same beginning.
    let mut contents = [marked_frames(1, 2_000), marked_frames(1, 2_400)];
    let middle = contents[1].len() / 2;
    contents[1][middle] ^= 1;
    let world = World::start(|settings, _| settings.prefetch = false).await;
    world.catalog.add(1);
    for reply in replies {
        let answer = match reply {
            Reply::Error(error) => Answer::Error(error),
            Reply::Body { content, resumes, chunks, is_cut } => {
                let audio = contents[content].clone();
                Answer::Paced(Pace { audio, resumes, tells_length: true, chunks, is_cut })
            }
        };
        world.source.answers(recording(1), answer);
    }
    for _ in 0..50 {
        world.source.answers(recording(1), Answer::Audio(contents[0].clone()));
    }
    let world = Arc::new(world);
    let evicting = join_all(evictions.iter().map(|after| {
        let world = Arc::clone(&world);
        async move {
            sleep(*after).await;
            world.evict(1).await;
        }
    }));
    let listening = join_all(listeners.iter().map(|listener| listener.listen(&world)));
    let (heard, _) = tokio::join!(listening, evicting);
    let heard: Vec<Heard> = heard.into_iter().flatten().collect();
    judge(&heard, &contents)?;
    prop_assert!(world.source.most_of_one_at_once() <= 1, "two fetches at once");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn campaign_following_every_byte_is_exact_or_the_stream_is_cut(
        replies in prop::collection::vec(replies(), 0..8),
        listeners in prop::collection::vec(listeners(), 1..10),
        evictions in prop::collection::vec((0u64..60_000).prop_map(Duration::from_millis), 0..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(story(replies, listeners, evictions))?;
    }
}

/// `SOAK=1` runs the long campaign.
fn cases() -> u32 {
    if std::env::var_os("SOAK").is_some() { 4_000 } else { 150 }
}

//! Everybody who is connected: how many may be, and who leaves when there is no room.
//!
//! Invariant: room is made only by connections on which nothing is being asked or answered, the one that has been
//! waiting longest first: thousands of idle connections keep nobody out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::talk::Talk;

/// So many are asked to leave at a time, since finding them means looking at all.
const LEAVE_AT_A_TIME: usize = 32;

pub(super) struct Crowd {
    present: Mutex<Present>,
    max: usize,
    counts: Arc<Counts>,
}

/// For those who watch from outside.
#[derive(Debug, Default)]
pub struct Counts {
    max: AtomicUsize,
    present: AtomicUsize,
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    pub fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    pub fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed)
    }

    pub fn accepted_total(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Those for whom there was no room.
    pub fn refused_total(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Present {
    next: u64,
    talks: HashMap<u64, Arc<Talk>>,
}

/// A connection's place among the others, until it is dropped.
pub(super) struct Place {
    pub(super) talk: Arc<Talk>,
    number: u64,
    crowd: Arc<Crowd>,
}

impl Crowd {
    pub(super) fn of_at_most(max: usize, counts: Arc<Counts>) -> Arc<Self> {
        counts.max.store(max, Ordering::Relaxed);
        Arc::new(Self { present: Mutex::default(), max, counts })
    }

    /// A place, if need be that of somebody who leaves for it; `None` where all are busy.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut present = self.present();
        if present.talks.len() >= self.max {
            let leaving = present.talks.values().filter(|talk| talk.is_leaving()).count();
            if present.talks.len() - leaving >= self.max && make_room(&present.talks) == 0 {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        let (number, talk) = (present.next, Arc::new(Talk::new()));
        present.next += 1;
        present.talks.insert(number, Arc::clone(&talk));
        self.counts.present.store(present.talks.len(), Ordering::Relaxed);
        self.counts.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Place { talk, number, crowd: Arc::clone(self) })
    }

    /// Returns how many were asked to leave.
    pub(super) fn make_room(&self) -> usize {
        make_room(&self.present().talks)
    }

    /// Whether nobody asks anything, or may.
    pub(super) fn is_quiet(&self) -> bool {
        self.present().talks.values().all(|talk| !talk.stage().may_ask())
    }

    pub(super) fn len(&self) -> usize {
        self.present().talks.len()
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(talks: &HashMap<u64, Arc<Talk>>) -> usize {
    let mut waiting: Vec<_> = talks
        .values()
        .filter(|talk| !talk.is_leaving())
        .filter(|talk| talk.stage().may_leave())
        .map(|talk| (talk.waiting_since(), talk))
        .collect();
    if waiting.len() > LEAVE_AT_A_TIME {
        waiting.select_nth_unstable_by_key(LEAVE_AT_A_TIME, |(since, _)| *since);
        waiting.truncate(LEAVE_AT_A_TIME);
    }
    for (_, talk) in &waiting {
        talk.ask_to_leave();
    }
    waiting.len()
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.crowd.present();
        present.talks.remove(&self.number);
        self.crowd.counts.present.store(present.talks.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::talk::Stage;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_longest_make_room_and_the_busy_never_do() {
        let crowd = Crowd::of_at_most(4, Arc::default());
        let mut places = Vec::new();
        for stage in [Stage::Answering, Stage::Idle, Stage::Head, Stage::Sending] {
            tokio::time::advance(Duration::from_secs(1)).await;
            let place = crowd.enter().expect("there is room");
            place.talk.enter(stage);
            places.push(place);
        }
        let newcomer = crowd.enter().expect("two can leave");
        newcomer.talk.enter(Stage::Answering);
        let leaving: Vec<bool> = places.iter().map(|place| place.talk.is_leaving()).collect();
        assert_eq!(leaving, [false, true, true, false]);
        // One of the two stands for the newcomer, the other for the next.
        let next = crowd.enter().expect("the other leaves for it");
        next.talk.enter(Stage::Answering);
        assert!(crowd.enter().is_none(), "all that stay are busy");
        places.drain(1..3);
        assert!(crowd.enter().is_none(), "four are busy");
        drop(newcomer);
        assert!(crowd.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_are_chosen() {
        let crowd = Crowd::of_at_most(LEAVE_AT_A_TIME * 2, Arc::default());
        let mut places = Vec::new();
        for _ in 0..LEAVE_AT_A_TIME * 2 {
            tokio::time::advance(Duration::from_secs(1)).await;
            places.push(crowd.enter().expect("there is room"));
        }
        assert!(crowd.enter().is_some());
        let leaving = places.iter().take_while(|place| place.talk.is_leaving()).count();
        assert_eq!(leaving, LEAVE_AT_A_TIME);
        assert!(places[leaving..].iter().all(|place| !place.talk.is_leaving()));
    }
}

//! The most urgent first, and the least urgent not never.

use std::collections::VecDeque;

use crate::domain::Intent;

/// After so many in a row went ahead of somebody less urgent, that one has its turn.
const AHEAD_MAX: u32 = 8;

pub(super) struct FairQueue<T> {
    lanes: [VecDeque<T>; Intent::ALL.len()],
    /// How often each lane was passed over while it had somebody waiting.
    passed_over: [u32; Intent::ALL.len()],
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { lanes: Default::default(), passed_over: Default::default() }
    }
}

impl<T> FairQueue<T> {
    pub(super) fn push(&mut self, intent: Intent, item: T) {
        self.lanes[intent as usize].push_back(item);
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    pub(super) fn lengths(&self) -> [usize; Intent::ALL.len()] {
        self.lanes.each_ref().map(VecDeque::len)
    }

    /// Takes the first item whose turn it is and that is `open`. Those that are not keep their place.
    pub(super) fn pop(&mut self, mut open: impl FnMut(&T) -> bool) -> Option<T> {
        for lane in self.order() {
            let Some(index) = self.lanes[lane].iter().position(&mut open) else { continue };
            for (other, passed_over) in self.passed_over.iter_mut().enumerate() {
                if other == lane || self.lanes[other].is_empty() {
                    *passed_over = 0;
                } else if other > lane {
                    *passed_over += 1;
                }
            }
            return self.lanes[lane].remove(index);
        }
        None
    }

    /// Takes every item out that shall not wait any longer.
    pub(super) fn remove(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut removed = Vec::new();
        for lane in &mut self.lanes {
            let (out, kept) = std::mem::take(lane).into_iter().partition(&mut unwanted);
            *lane = kept;
            removed.extend::<VecDeque<T>>(out);
        }
        removed
    }

    /// Takes out who would have its turn last, if it is less urgent than whoever comes.
    pub(super) fn give_way(&mut self, coming: Intent) -> Option<T> {
        self.lanes[coming as usize + 1..].iter_mut().rev().find_map(VecDeque::pop_back)
    }

    /// Moves a waiting item to a more urgent lane.
    pub(super) fn prioritise(&mut self, intent: Intent, wanted: impl Fn(&T) -> bool) {
        for lane in (intent as usize + 1)..self.lanes.len() {
            if let Some(index) = self.lanes[lane].iter().position(&wanted)
                && let Some(item) = self.lanes[lane].remove(index)
            {
                self.push(intent, item);
                return;
            }
        }
    }

    fn order(&self) -> Vec<usize> {
        let mut lanes: Vec<usize> = (0..self.lanes.len()).collect();
        lanes.sort_by_key(|lane| (self.passed_over[*lane] < AHEAD_MAX, *lane));
        lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(items: &[(Intent, u32)]) -> FairQueue<u32> {
        let mut queue = FairQueue::default();
        for (intent, item) in items {
            queue.push(*intent, *item);
        }
        queue
    }

    #[test]
    fn the_most_urgent_goes_first() {
        let mut queue = queue(&[(Intent::Backfill, 3), (Intent::Prefetch, 2), (Intent::Listen, 1)]);
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop(|_| true)).collect();
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn the_least_urgent_is_not_starved() {
        let mut queue = queue(&[(Intent::Backfill, 900), (Intent::Prefetch, 800)]);
        let mut order = Vec::new();
        for item in 0..30 {
            queue.push(Intent::Listen, item);
            order.extend(queue.pop(|_| true));
        }
        assert_eq!(order.iter().position(|item| *item == 800), Some(8));
        assert_eq!(order.iter().position(|item| *item == 900), Some(9));
    }

    #[test]
    fn a_closed_item_keeps_its_place() {
        let mut queue = queue(&[(Intent::Listen, 1), (Intent::Listen, 2), (Intent::Prefetch, 3)]);
        assert_eq!(queue.pop(|item| *item != 1), Some(2));
        assert_eq!(queue.pop(|item| *item != 1), Some(3));
        assert_eq!(queue.pop(|item| *item != 1), None);
        assert_eq!(queue.pop(|_| true), Some(1));
    }

    #[test]
    fn the_last_of_the_least_urgent_gives_way_to_the_more_urgent() {
        let mut queue = queue(&[(Intent::Listen, 1), (Intent::Prefetch, 2), (Intent::Backfill, 3)]);
        queue.push(Intent::Backfill, 4);
        assert_eq!(queue.give_way(Intent::Backfill), None);
        assert_eq!(queue.give_way(Intent::Prefetch), Some(4));
        assert_eq!(queue.give_way(Intent::Listen), Some(3));
        assert_eq!(queue.give_way(Intent::Listen), Some(2));
        assert_eq!(queue.give_way(Intent::Listen), None, "not one who listens, too");
    }

    #[test]
    fn a_listener_takes_a_waiting_prefetch_along() {
        let mut queue = queue(&[(Intent::Prefetch, 1), (Intent::Prefetch, 2)]);
        queue.prioritise(Intent::Listen, |item| *item == 2);
        assert_eq!(queue.lengths(), [1, 1, 0]);
        assert_eq!(queue.pop(|_| true), Some(2));
    }
}

/// The sellers in the order in which buyers take from them.
///
/// On a gross basis a member may both sell and buy. It never takes from itself, so a buyer that finds itself in the
/// queue passes itself over, and stays first in line for the next buyer. At most one seller is passed over at any
/// time: before a later buyer can reach itself it must have emptied the seller that was passed over before. So the
/// queue moves in one direction only, and serving all buyers takes linear time.
pub(crate) struct Queue<'a> {
    passed_over: Option<u32>,
    next: Option<u32>,
    behind: core::slice::Iter<'a, u32>,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(sellers: &'a [u32]) -> Self {
        let mut behind = sellers.iter();
        Self { passed_over: None, next: behind.next().copied(), behind }
    }

    /// The first seller that `buyer` can take from.
    pub(crate) fn first_for(&mut self, buyer: u32) -> Option<u32> {
        match self.passed_over {
            Some(seller) if seller != buyer => return Some(seller),
            _ => {}
        }
        while self.next == Some(buyer) {
            self.passed_over = self.next;
            self.advance();
        }
        self.next
    }

    /// Takes out `seller`, which has nothing left and is the one that [`first_for`](Queue::first_for) named last.
    pub(crate) fn remove(&mut self, seller: u32) {
        if self.passed_over == Some(seller) {
            self.passed_over = None;
        } else {
            self.advance();
        }
    }

    fn advance(&mut self) {
        self.next = self.behind.next().copied();
    }
}

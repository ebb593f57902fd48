/// The sellers in the order in which buyers are served.
///
/// On a gross basis a member may both sell and buy. It never buys from itself, so a buyer that meets itself in the
/// queue is passed over as a seller, and stays first in line for the next buyer. At most one seller is passed over at
/// any time: before a later buyer can meet itself, it must have used up the seller that was passed over before. So the
/// queue only moves forward, and serving all buyers takes linear time.
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

    /// Returns the first seller from which `buyer` can buy.
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

    /// Removes `seller`, which has nothing left and was the last result of [`first_for`](Queue::first_for).
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

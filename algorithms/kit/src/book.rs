use alloc::vec::Vec;

use crate::{Party, Position, Round, Trade, queue::Queue, split};

/// What is left of each position while a round is being cleared, and the trades made so far.
///
/// A book never sells or buys more than a member has, never makes a trade of 0 Wh and never lets a party trade with
/// itself. End with [`rest`](Book::rest), which trades what is left with the grid: then nothing is left over, and
/// the host's balance check has nothing to object to but the prices.
///
/// Members are named by their index in the round's positions. A member with both a surplus and a deficit (a gross
/// basis) is a seller and a buyer at once; where its only counterpart would be itself, both sides go to the grid.
///
/// ```
/// use market_kit::{Book, testing};
///
/// let round = testing::round([("anna", 1500, 0), ("ben", 0, 700), ("carla", 0, 1000)]);
/// let mut book = Book::new(&round);
/// let (sellers, buyers) = (book.sellers(), book.buyers());
/// book.greedy(&sellers, &buyers, 96_200);
/// assert_eq!(
///     testing::lines(&round, &book.rest()),
///     ["anna > ben 700 Wh at 96200", "anna > carla 800 Wh at 96200", "grid > carla 200 Wh at 162400"],
/// );
/// ```
#[derive(Debug, Clone)]
pub struct Book<'r> {
    positions: &'r [Position],
    surplus: Vec<u64>,
    deficit: Vec<u64>,
    trades: Vec<Trade>,
}

impl<'r> Book<'r> {
    /// Opens the book: everything is left, nothing is traded.
    #[must_use]
    pub fn new(round: &'r Round) -> Self {
        let surplus: Vec<u64> = round.positions.iter().map(|position| position.surplus).collect();
        let deficit: Vec<u64> = round.positions.iter().map(|position| position.deficit).collect();
        let sellers = surplus.iter().filter(|&&energy| energy > 0).count();
        let buyers = deficit.iter().filter(|&&energy| energy > 0).count();
        // Every trade but those of a ration empties a seller or a buyer; a ration adds one for each on its side.
        let trades = Vec::with_capacity(sellers + buyers + sellers.max(buyers));
        Self { positions: &round.positions, surplus, deficit, trades }
    }

    /// What `member` still has to sell, in Wh.
    ///
    /// # Panics
    ///
    /// There is no such member, here and wherever a book is given an index.
    #[must_use]
    pub fn surplus(&self, member: u32) -> u64 {
        self.surplus[member as usize]
    }

    /// What `member` still needs to buy, in Wh.
    #[must_use]
    pub fn deficit(&self, member: u32) -> u64 {
        self.deficit[member as usize]
    }

    /// The position of `member`, as the round gives it.
    #[must_use]
    pub fn position(&self, member: u32) -> &'r Position {
        &self.positions[member as usize]
    }

    /// The members with something left to sell, in the round's order.
    #[must_use]
    pub fn sellers(&self) -> Vec<u32> {
        with_energy(&self.surplus).collect()
    }

    /// The members with something left to buy, in the round's order.
    #[must_use]
    pub fn buyers(&self) -> Vec<u32> {
        with_energy(&self.deficit).collect()
    }

    /// The members with something left to sell in merit order, the least key first, ties in the round's order.
    ///
    /// ```
    /// # let round = market_kit::testing::round([("a", 10, 0)]);
    /// # let book = market_kit::Book::new(&round);
    /// let cheapest_first = book.sellers_by(|position| position.offer);
    /// ```
    #[must_use]
    pub fn sellers_by<K: Ord>(&self, key: impl Fn(&Position) -> K) -> Vec<u32> {
        self.merit_order(with_energy(&self.surplus), key)
    }

    /// The members with something left to buy in merit order, the least key first, ties in the round's order.
    ///
    /// ```
    /// # let round = market_kit::testing::round([("a", 0, 10)]);
    /// # let book = market_kit::Book::new(&round);
    /// let dearest_first = book.buyers_by(|position| std::cmp::Reverse(position.bid));
    /// let by_priority = book.buyers_by(|position| position.rank);
    /// ```
    #[must_use]
    pub fn buyers_by<K: Ord>(&self, key: impl Fn(&Position) -> K) -> Vec<u32> {
        self.merit_order(with_energy(&self.deficit), key)
    }

    fn merit_order<K: Ord>(&self, members: impl Iterator<Item = u32>, key: impl Fn(&Position) -> K) -> Vec<u32> {
        // The keys are laid out beside the indexes so that sorting a million members does not miss the cache at each
        // comparison; the index as second key makes the unstable sort, which needs no further memory, a stable one.
        let mut order: Vec<(K, u32)> = members.map(|member| (key(self.position(member)), member)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, member)| member).collect()
    }

    /// What `sellers` have left to sell together, in Wh.
    #[must_use]
    pub fn supply(&self, sellers: &[u32]) -> u128 {
        sellers.iter().map(|&seller| u128::from(self.surplus(seller))).sum()
    }

    /// What `buyers` have left to buy together, in Wh.
    #[must_use]
    pub fn demand(&self, buyers: &[u32]) -> u128 {
        buyers.iter().map(|&buyer| u128::from(self.deficit(buyer))).sum()
    }

    /// Makes both sides equally long.
    ///
    /// The total of the shorter side is [`split`](crate::split()) over the longer one in proportion to energy; what a
    /// member has above its part it trades with the grid at once. Where there are no sellers or no buyers, nothing
    /// happens.
    ///
    /// ```
    /// use market_kit::{Book, testing};
    ///
    /// let round = testing::round([("anna", 300, 0), ("ben", 100, 0), ("carla", 0, 200)]);
    /// let mut book = Book::new(&round);
    /// book.pro_rata(&book.sellers(), &book.buyers());
    /// assert_eq!((book.surplus(0), book.surplus(1)), (150, 50));
    /// ```
    pub fn pro_rata(&mut self, sellers: &[u32], buyers: &[u32]) {
        if sellers.is_empty() || buyers.is_empty() {
            return;
        }
        let (supply, demand) = (self.supply(sellers), self.demand(buyers));
        if supply > demand {
            self.ration_sellers(sellers, demand);
        } else {
            self.ration_buyers(buyers, supply);
        }
    }

    /// Leaves `sellers` no more than `demand` together, in proportion to what each has; sells what is above that to
    /// the grid at once. Nothing happens if they have no more than that.
    pub fn ration_sellers(&mut self, sellers: &[u32], demand: u128) {
        let surplus: Vec<u64> = sellers.iter().map(|&seller| self.surplus(seller)).collect();
        let total = split::sum(&surplus);
        if demand < total {
            for (&seller, part) in sellers.iter().zip(split::parts(demand, &surplus, total)) {
                self.sell_to_grid(seller, self.surplus(seller) - part);
            }
        }
    }

    /// Leaves `buyers` no more than `supply` together, in proportion to what each needs; buys what is above that from
    /// the grid at once. Nothing happens if they need no more than that.
    pub fn ration_buyers(&mut self, buyers: &[u32], supply: u128) {
        let deficit: Vec<u64> = buyers.iter().map(|&buyer| self.deficit(buyer)).collect();
        let total = split::sum(&deficit);
        if supply < total {
            for (&buyer, part) in buyers.iter().zip(split::parts(supply, &deficit, total)) {
                self.buy_from_grid(buyer, self.deficit(buyer) - part);
            }
        }
    }

    /// Serves the buyers in order, each from the sellers in order until it is served or they are empty, all at one
    /// price.
    ///
    /// A buyer that comes to itself among the sellers goes on to the next one; the buyer after it starts there again.
    pub fn greedy(&mut self, sellers: &[u32], buyers: &[u32], price: i64) {
        self.greedy_by(sellers, buyers, |_, _| price);
    }

    /// Like [`greedy`](Book::greedy), at a price for each pair of seller and buyer.
    pub fn greedy_by(&mut self, sellers: &[u32], buyers: &[u32], price: impl Fn(&Position, &Position) -> i64) {
        let mut queue = Queue::new(sellers);
        for &buyer in buyers {
            while self.deficit(buyer) > 0 {
                let Some(seller) = queue.first_for(buyer) else { break };
                let price = price(self.position(seller), self.position(buyer));
                self.trade(Party::Member(seller), Party::Member(buyer), u64::MAX, price);
                if self.surplus(seller) == 0 {
                    queue.remove(seller);
                }
            }
        }
    }

    /// Records a trade of at most `energy`, at most what the seller has and at most what the buyer needs, and returns
    /// its energy. The grid and the operator have and need any amount.
    ///
    /// Nothing is recorded, and 0 returned, if that is 0 or a party would trade with itself.
    ///
    /// ```
    /// use market_kit::{Book, Party, testing};
    ///
    /// let round = testing::round([("anna", 300, 0), ("ben", 0, 200)]);
    /// let mut book = Book::new(&round);
    /// assert_eq!(book.trade(Party::Member(0), Party::Operator, 250, 90_000), 250);
    /// assert_eq!(book.trade(Party::Operator, Party::Member(1), 250, 95_000), 200);
    /// assert_eq!((book.surplus(0), book.deficit(1)), (50, 0));
    /// ```
    #[inline]
    pub fn trade(&mut self, seller: Party, buyer: Party, energy: u64, price: i64) -> u64 {
        let has = if let Party::Member(member) = seller { self.surplus(member) } else { u64::MAX };
        let needs = if let Party::Member(member) = buyer { self.deficit(member) } else { u64::MAX };
        let energy = energy.min(has).min(needs);
        if energy == 0 || seller == buyer {
            return 0;
        }
        if let Party::Member(member) = seller {
            self.surplus[member as usize] -= energy;
        }
        if let Party::Member(member) = buyer {
            self.deficit[member as usize] -= energy;
        }
        self.trades.push(Trade { seller, buyer, energy, price });
        energy
    }

    /// Sells `energy` of what `seller` has left to the grid, at what the grid pays this member.
    pub fn sell_to_grid(&mut self, seller: u32, energy: u64) {
        self.trade(Party::Member(seller), Party::Grid, energy, self.position(seller).feed_in);
    }

    /// Buys `energy` of what `buyer` still needs from the grid, at what the grid charges this member.
    pub fn buy_from_grid(&mut self, buyer: u32, energy: u64) {
        self.trade(Party::Grid, Party::Member(buyer), energy, self.position(buyer).retail);
    }

    /// Trades everything that is left with the grid and returns all trades.
    #[must_use]
    pub fn rest(mut self) -> Vec<Trade> {
        for (member, _) in (0..).zip(self.positions) {
            self.sell_to_grid(member, u64::MAX);
            self.buy_from_grid(member, u64::MAX);
        }
        self.trades
    }
}

/// The indexes at which something is left.
fn with_energy(energies: &[u64]) -> impl Iterator<Item = u32> {
    // OK to count in 32 bits because a party is named by 32 bits.
    (0..).zip(energies).filter(|&(_, &energy)| energy > 0).map(|(member, _)| member)
}

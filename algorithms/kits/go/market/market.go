// Package market has everything a Go author needs to write a matching algorithm for rec-market.
//
// An algorithm is an [Algorithm] that is given to [Export]: who it is, its settings, and a function Clear. That gets a
// [Round], which has each member's surplus and deficit in one interval, and returns [Trade]s: who sells how much to whom, at
// what price. Energy is in whole watt-hours (Wh), prices are in micro-euro per kilowatt-hour (µEUR/kWh): 0.1624 EUR/kWh is
// 162400. Energy × price is then a whole number of nano-euro, so money never needs rounding.
//
// Building blocks: [Book] keeps track of what is left of each position (Sellers, Buyers, ProRata, Greedy, Pair, Rest),
// [Split] and [Cascade] divide energy to the last watt-hour, [Mid], [Between] and [PriceLimits] help with prices, and a
// [Setting] is what the community may choose. Package market/testing has rounds and a balance check for tests.
//
// A panic in Clear comes back to the author as a message with file and line. Sums of energy may need more than 64 bits; they
// are of type [Total]. Unsigned numbers wrap around silently in Go, so compare before you subtract; a book never sells more
// than there is.
package market

// Position is what one member has and wants in one interval.
type Position struct {
	Member  string // the member's name, unique within the round
	Surplus uint64 // energy to sell, in Wh: it must be sold to the last watt-hour
	Deficit uint64 // energy to buy, in Wh: it must be bought to the last watt-hour
	Offer   int64  // the lowest price at which the member sells, in µEUR/kWh
	Bid     int64  // the highest price at which the member buys, in µEUR/kWh
	Retail  int64  // what the grid charges this member, in µEUR/kWh
	FeedIn  int64  // what the grid pays this member, in µEUR/kWh
	Share   uint32 // the member's sharing coefficient, in parts per million
	Rank    uint32 // the member's priority; 0 comes first
}

// Round is the input of one clearing.
type Round struct {
	Community    string
	Start        uint64 // start of the interval, in Unix seconds (UTC)
	Duration     uint32 // length of the interval, in seconds
	Retail       int64  // the community's reference tariff for energy from the grid, in µEUR/kWh
	FeedIn       int64  // the community's reference tariff for energy to the grid, in µEUR/kWh
	PriceFloor   *int64 // the lowest price between members, in µEUR/kWh; nil if there is no limit
	PriceCeiling *int64 // the highest price between members, in µEUR/kWh; nil if there is no limit
	Seed         uint64 // derived from community and start, for algorithms that draw lots
	Settings     map[string]string
	Positions    []Position // one per member, sorted by member in byte order
}

// Turn returns where the circle of positions begins in this round: the seed modulo the number of positions. Whoever hands out
// single watt-hours from there on favours nobody by its name over a month.
func (round *Round) Turn() int {
	if len(round.Positions) == 0 {
		return 0
	}
	return int(round.Seed % uint64(len(round.Positions)))
}

// Party is one side of a trade: [Grid], [Operator] or [Member](index).
type Party struct{ kind, member uint32 }

// Grid sells at a member's retail price, and buys at its feed-in price. Operator is the community's own account: it keeps no
// energy, must not lose money, and cannot trade with the grid.
var (
	Grid     = Party{kind: 0}
	Operator = Party{kind: 1}
)

// Member returns the party that is the member with this index in the round's positions.
func Member(index int) Party { return Party{kind: 2, member: uint32(index)} }

// Index returns a member's index in the round's positions, and whether the party is a member.
func (party Party) Index() (int, bool) { return int(party.member), party.kind == 2 }

// Trade is one exchange of energy for money.
type Trade struct {
	Seller, Buyer Party
	Energy        uint64 // Wh, never 0
	Price         int64  // µEUR/kWh
}

// Algorithm decides who sells how much to whom, and at what price.
type Algorithm struct {
	Name     string    // short, such as "mid-market-rate"
	Version  string    // such as "1.0.0"
	Summary  string    // one sentence on the matching rule
	Settings []Setting // every setting that Clear reads

	// Clear returns all trades of a round, those with the grid included; or an error, which says why the round cannot be
	// cleared: in lower case, with the wrong value and the way out.
	Clear func(round *Round) ([]Trade, error)
}

var exported Algorithm

// Export makes an algorithm the one of this component. Call it in the main package's init.
func Export(algorithm Algorithm) { exported = algorithm }

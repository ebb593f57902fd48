package market

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Book keeps track of what is left of each position while a round is cleared, and of the trades so far. It never sells or buys
// more than a member has, and makes no trade of 0 Wh nor of anybody with itself. Members are indexes of positions. A member
// with both a surplus and a deficit is a seller and a buyer at once. Finish with Rest.
type Book struct {
	positions        []Position
	surplus, deficit []uint64
	trades           []Trade
}

// NewBook opens a book in which nothing is traded yet.
func NewBook(round *Round) *Book {
	count := len(round.Positions)
	book := &Book{round.Positions, make([]uint64, count), make([]uint64, count), make([]Trade, 0, 2*count)}
	for index := range round.Positions {
		book.surplus[index], book.deficit[index] = round.Positions[index].Surplus, round.Positions[index].Deficit
	}
	return book
}

// Surplus returns the unsold surplus of a member, in Wh.
func (book *Book) Surplus(member int) uint64 { return book.surplus[member] }

// Deficit returns the uncovered deficit of a member, in Wh.
func (book *Book) Deficit(member int) uint64 { return book.deficit[member] }

// Surpluses returns the unsold surplus of every position, in Wh. Do not change it.
func (book *Book) Surpluses() []uint64 { return book.surplus }

// Deficits returns the uncovered deficit of every position, in Wh. Do not change it.
func (book *Book) Deficits() []uint64 { return book.deficit }

// Position returns the round's position of a member; trades do not change it.
func (book *Book) Position(member int) *Position { return &book.positions[member] }

func withEnergy(energy []uint64) []int {
	members := make([]int, 0, len(energy))
	for member := range energy {
		if energy[member] > 0 {
			members = append(members, member)
		}
	}
	return members
}

// Sellers returns the members with unsold surplus, in the round's order.
func (book *Book) Sellers() []int { return withEnergy(book.surplus) }

// Buyers returns the members with an uncovered deficit, in the round's order.
func (book *Book) Buyers() []int { return withEnergy(book.deficit) }

// Order compares two positions for a merit order: negative if the first comes first, positive if the second does.
type Order func(a, b *Position) int

// Orders of merit for SellersBy and BuyersBy.
var (
	ByOffer Order = func(a, b *Position) int { return cmp.Compare(a.Offer, b.Offer) } // cheapest offer first
	ByBid   Order = func(a, b *Position) int { return cmp.Compare(b.Bid, a.Bid) }     // dearest bid first
	ByRank  Order = func(a, b *Position) int { return cmp.Compare(a.Rank, b.Rank) }   // first rank first
)

// SellersBy returns the members with unsold surplus in merit order, ties in the round's order.
func (book *Book) SellersBy(order Order) []int { return book.inOrder(book.Sellers(), order) }

// BuyersBy returns the members with an uncovered deficit in merit order, ties in the round's order.
func (book *Book) BuyersBy(order Order) []int { return book.inOrder(book.Buyers(), order) }

func (book *Book) inOrder(members []int, order Order) []int {
	slices.SortStableFunc(members, func(a, b int) int { return order(&book.positions[a], &book.positions[b]) })
	return members
}

func totalOf(energy []uint64, members []int) Total {
	var total Total
	for _, member := range members {
		total = total.Plus(energy[member])
	}
	return total
}

// Supply returns what these members have left to sell together, in Wh.
func (book *Book) Supply(sellers []int) Total { return totalOf(book.surplus, sellers) }

// Demand returns what these members have left to buy together, in Wh.
func (book *Book) Demand(buyers []int) Total { return totalOf(book.deficit, buyers) }

// ProRata makes supply and demand equal: it splits the smaller total among the members of the larger side in proportion to their
// energy; each trades what it has above its part with the grid. Does nothing without sellers or without buyers.
func (book *Book) ProRata(sellers, buyers []int) {
	if len(sellers) == 0 || len(buyers) == 0 {
		return
	}
	supply, demand := book.Supply(sellers), book.Demand(buyers)
	if supply.Compare(demand) > 0 {
		for place, part := range Split(demand, pick(book.surplus, sellers), 0) {
			book.SellToGrid(sellers[place], book.surplus[sellers[place]]-part)
		}
	} else {
		for place, part := range Split(supply, pick(book.deficit, buyers), 0) {
			book.BuyFromGrid(buyers[place], book.deficit[buyers[place]]-part)
		}
	}
}

func pick(energy []uint64, members []int) []uint64 {
	picked := make([]uint64, len(members))
	for place, member := range members {
		picked[place] = energy[member]
	}
	return picked
}

// Greedy serves the buyers in order, each from the sellers in order, until its deficit is covered or no surplus is left, all at
// one price.
func (book *Book) Greedy(sellers, buyers []int, price int64) {
	book.GreedyBy(sellers, buyers, func(_, _ *Position) int64 { return price })
}

// GreedyBy is like Greedy, but with a price for each pair of seller and buyer.
func (book *Book) GreedyBy(sellers, buyers []int, price func(seller, buyer *Position) int64) {
	// A buyer that meets itself in the queue of sellers is passed over as a seller, and comes first for the next buyer; there is at
	// most one such seller at any time.
	queue, passedOver := sellers, -1
	for _, buyer := range buyers {
		for book.deficit[buyer] > 0 {
			isBack := passedOver >= 0 && passedOver != buyer
			if !isBack && len(queue) > 0 && queue[0] == buyer {
				passedOver, queue = buyer, queue[1:]
			}
			seller := passedOver
			if !isBack {
				if len(queue) == 0 {
					break
				}
				seller = queue[0]
			}
			at := price(&book.positions[seller], &book.positions[buyer])
			book.Trade(Member(seller), Member(buyer), math.MaxUint64, at)
			switch {
			case book.surplus[seller] > 0:
			case isBack:
				passedOver = -1
			default:
				queue = queue[1:]
			}
		}
	}
}

// Trade makes a trade of at most this energy (Wh) at a price (µEUR/kWh), as far as the seller's surplus and the buyer's deficit
// allow, and returns its energy.
func (book *Book) Trade(seller, buyer Party, energy uint64, price int64) uint64 {
	if index, ok := seller.Index(); ok {
		energy = min(energy, book.surplus[index])
	}
	if index, ok := buyer.Index(); ok {
		energy = min(energy, book.deficit[index])
	}
	if energy == 0 || seller == buyer {
		return 0
	}
	if index, ok := seller.Index(); ok {
		book.surplus[index] -= energy
	}
	if index, ok := buyer.Index(); ok {
		book.deficit[index] -= energy
	}
	book.trades = append(book.trades, Trade{seller, buyer, energy, price})
	return energy
}

// SellToGrid sells up to this energy (Wh) of a member's surplus to the grid, at the member's feed-in price.
func (book *Book) SellToGrid(seller int, energy uint64) {
	book.Trade(Member(seller), Grid, energy, book.positions[seller].FeedIn)
}

// BuyFromGrid buys up to this energy (Wh) of a member's deficit from the grid, at the member's retail price.
func (book *Book) BuyFromGrid(buyer int, energy uint64) {
	book.Trade(Grid, Member(buyer), energy, book.positions[buyer].Retail)
}

// Rest trades all that is left with the grid and returns all trades.
func (book *Book) Rest() []Trade {
	for member := range book.positions {
		book.SellToGrid(member, math.MaxUint64)
		book.BuyFromGrid(member, math.MaxUint64)
	}
	return book.trades
}

// checkTrades returns what makes trades impossible to hand over.
func checkTrades(trades []Trade, positions int) error {
	for number, trade := range trades {
		for _, party := range []Party{trade.Seller, trade.Buyer} {
			if index, ok := party.Index(); ok && index >= positions {
				return fmt.Errorf("trade %d is with position %d, but the round has %d, counted from 0", number, index, positions)
			}
		}
	}
	return nil
}

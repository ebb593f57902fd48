// A rule of the library from the kit's blocks, and every mistake that an author can make: the setting `do` says which.
package main

import (
	"errors"
	"fmt"

	"algorithm/market"
)

var do = market.Setting{Key: "do", Summary: "what to do", Default: "cascade"}

func cascade(round *market.Round) ([]market.Trade, error) {
	limits, err := round.Limits()
	book, weights, all := market.NewBook(round), []uint64{}, uint64(0)
	for _, position := range round.Positions {
		weights, all = append(weights, uint64(position.Share)), all+uint64(position.Share)
	}
	for index := range weights {
		if all == 0 {
			weights[index] = 1
		}
	}
	takes := market.Cascade(market.Sum(book.Surpluses()), weights, book.Deficits(), round.Turn())
	gives := market.Split(market.Sum(takes), book.Surpluses(), round.Turn())
	book.Pair(gives, takes, limits.Clamp(market.Mid(round.Retail, round.FeedIn)))
	return book.Rest(), err
}

func clear(round *market.Round) ([]market.Trade, error) {
	book, zero := market.NewBook(round), uint64(len(round.Settings)-1)
	switch do.Text(round) {
	case "divide":
		book.SellToGrid(0, 1/zero) // HERE divide
	case "index":
		book.SellToGrid(7, 1) // HERE index
	case "negative":
		market.Wh(zero).Minus(market.Wh(1)) // HERE negative
	case "member":
		return []market.Trade{{Seller: market.Member(7), Buyer: market.Grid, Energy: 1, Price: 0}}, nil
	case "null":
		var nobody *market.Position
		book.SellToGrid(0, nobody.Surplus) // HERE null
	case "refuse":
		return nil, errors.New("retail is too much")
	case "print":
		fmt.Println("a remark")
		panic("it went wrong") // HERE print
	default:
		return cascade(round)
	}
	return book.Rest(), nil
}

func init() {
	market.Export(market.Algorithm{
		Name: "workshop", Version: "1.0.0", Summary: "mistakes", Settings: []market.Setting{do}, Clear: clear,
	})
}

func main() {}

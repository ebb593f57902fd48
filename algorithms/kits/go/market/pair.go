package market

import "container/heap"

// Pair trades gives[i] Wh of every position's surplus against takes[i] Wh of every position's deficit at a price (µEUR/kWh), so
// that nobody trades with itself and all that can be shared is shared. Both have one number for each position, and the same sum.
// It uses up both.
//
// A plain greedy strands energy where members both give and take: the last one may have only itself left. So a member whose
// two sides are all that is left (it is tight) trades at once, and no trade makes one exceed that.
func (book *Book) Pair(gives, takes []uint64, price int64) {
	pairing := pairing{gives: gives, takes: takes, left: Sum(gives)}
	if pairing.left != Sum(takes) {
		panic("what members give and what they take have different sums")
	}
	pairing.giveExcessBack()
	for member := range gives {
		pairing.pushIfBoth(member)
	}
	for buyer, first, second := 0, 0, 0; pairing.left != (Total{}); {
		buyer, first = from(buyer, takes), from(first, gives)
		seller := first
		if seller == buyer {
			second = from(max(second, first+1), gives)
			seller = second
		}
		most, third := pairing.greatestOther(seller, buyer)
		isTight := pairing.both(seller) == pairing.left || pairing.both(buyer) == pairing.left
		if most == pairing.left && !isTight {
			seller = third
			most, _ = pairing.greatestOther(seller, buyer)
		}
		energy := min(gives[seller], takes[buyer], pairing.left.Minus(most).Uint64())
		gives[seller] -= energy
		takes[buyer] -= energy
		pairing.left = pairing.left.less(energy)
		pairing.pushIfBoth(seller)
		pairing.pushIfBoth(buyer)
		book.Trade(Member(seller), Member(buyer), energy, price)
	}
}

// from returns the first position from a start on with energy.
func from(start int, energy []uint64) int {
	for energy[start] == 0 {
		start++
	}
	return start
}

type pairing struct {
	gives, takes []uint64
	left         Total   // what is left on each side
	heap         entries // members with both sides
}

// entry is a member with both sides, and their sum. Entries whose sum is no longer right are dropped when they come up.
type entry struct {
	sum    Total
	member int
}

// entries is a heap: greatest sum first, of equal ones the first member.
type entries []entry

func (heap entries) Len() int { return len(heap) }
func (heap entries) Less(a, b int) bool {
	order := heap[b].sum.Compare(heap[a].sum)
	return order < 0 || order == 0 && heap[a].member < heap[b].member
}
func (heap entries) Swap(a, b int)   { heap[a], heap[b] = heap[b], heap[a] }
func (heap *entries) Push(added any) { *heap = append(*heap, added.(entry)) }
func (heap *entries) Pop() any {
	last := (*heap)[len(*heap)-1]
	*heap = (*heap)[:len(*heap)-1]
	return last
}

// both returns the sum of a member's two sides, 0 if it has only one.
func (pairing *pairing) both(member int) Total {
	give, take := pairing.gives[member], pairing.takes[member]
	if give == 0 || take == 0 {
		return Total{}
	}
	return Total{}.Plus(give).Plus(take)
}

func (pairing *pairing) pushIfBoth(member int) {
	if sum := pairing.both(member); sum != (Total{}) {
		heap.Push(&pairing.heap, entry{sum, member})
	}
}

// giveExcessBack: at most one member has more than all that is left, since two sides each are half of everything.
func (pairing *pairing) giveExcessBack() {
	for member := range pairing.gives {
		if sum := pairing.both(member); sum.Compare(pairing.left) > 0 {
			excess := sum.Minus(pairing.left).Uint64()
			pairing.gives[member] -= excess
			pairing.takes[member] -= excess
			pairing.left = pairing.left.less(excess)
			return
		}
	}
}

// greatestOther returns the greatest sum of both sides among all but these two, and whose it is; a sum of 0 if there is nobody.
func (pairing *pairing) greatestOther(seller, buyer int) (Total, int) {
	var aside [2]entry
	greatest := entry{member: seller}
	for len(pairing.heap) > 0 {
		top := pairing.heap[0]
		isCurrent := pairing.both(top.member) == top.sum
		if isCurrent && top.member != seller && top.member != buyer {
			greatest = top
			break
		}
		heap.Pop(&pairing.heap)
		switch { // it may be there twice: once is enough
		case isCurrent && top.member == seller:
			aside[0] = top
		case isCurrent:
			aside[1] = top
		}
	}
	for _, top := range aside {
		if top.sum != (Total{}) {
			heap.Push(&pairing.heap, top)
		}
	}
	return greatest.sum, greatest.member
}

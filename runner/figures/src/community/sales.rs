//! Who sold to whom over a period.

use std::collections::HashMap;

use books::statement::Flow;
use domain::NamedParty;

use crate::sums::TooLarge;

/// Who sold how much to whom within the community.
#[derive(Clone, Debug, Default)]
pub struct Sales {
    parties: Vec<NamedParty>,
    numbers: HashMap<NamedParty, usize>,
    flows: HashMap<(usize, usize), Flow>,
}

/// What one party sold to another one. A party that is `None` stands for all that are not named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Who sold.
    pub seller: Option<NamedParty>,
    /// Who bought.
    pub buyer: Option<NamedParty>,
    /// How much, and for what.
    pub flow: Flow,
}

impl Sales {
    fn number(&mut self, party: &NamedParty) -> usize {
        if let Some(number) = self.numbers.get(party) {
            return *number;
        }
        let number = self.parties.len();
        self.numbers.insert(party.clone(), number);
        self.parties.push(party.clone());
        number
    }

    pub(super) fn add(&mut self, sales: &books::Sales) -> Result<(), TooLarge> {
        let numbers: Vec<usize> = sales.parties.iter().map(|party| self.number(party)).collect();
        let number = |place: u32| numbers.get(place as usize).copied();
        for (pair, flow) in &sales.flows {
            // OK because the places are those of the parties.
            let (Some(seller), Some(buyer)) = (number(pair.seller), number(pair.buyer)) else { continue };
            let sum = self.flows.entry((seller, buyer)).or_default();
            *sum = sum.checked_add(*flow).ok_or(TooLarge)?;
        }
        Ok(())
    }

    /// Returns how many parties sold or bought.
    pub fn parties(&self) -> usize {
        self.parties.len()
    }

    /// Returns the parties that are shown where there is room for so many, those that traded most, sorted by name; the others
    /// are put together.
    pub fn named(&self, most: usize) -> Vec<NamedParty> {
        let mut traded: Vec<u128> = vec![0; self.parties.len()];
        for ((seller, buyer), flow) in &self.flows {
            traded[*seller] += flow.wh;
            traded[*buyer] += flow.wh;
        }
        let mut order: Vec<usize> = (0..self.parties.len()).collect();
        order.sort_unstable_by(|a, b| traded[*b].cmp(&traded[*a]).then_with(|| self.name(*a).cmp(self.name(*b))));
        order.truncate(most);
        order.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
        order.into_iter().map(|number| self.parties[number].clone()).collect()
    }

    fn name(&self, number: usize) -> &str {
        self.parties[number].as_str()
    }

    /// Returns every sale between these parties and all others together, by seller, then by buyer, those of the others last.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn among(&self, named: &[NamedParty]) -> Result<Vec<Sale>, TooLarge> {
        let places: HashMap<&NamedParty, usize> = named.iter().zip(0..).collect();
        let place = |number: usize| places.get(&self.parties[number]).copied().unwrap_or(named.len());
        let mut sums: HashMap<(usize, usize), Flow> = HashMap::new();
        for ((seller, buyer), flow) in &self.flows {
            let sum = sums.entry((place(*seller), place(*buyer))).or_default();
            *sum = sum.checked_add(*flow).ok_or(TooLarge)?;
        }
        let mut sums: Vec<((usize, usize), Flow)> = sums.into_iter().collect();
        sums.sort_unstable_by_key(|(pair, _)| *pair);
        let party = |place: usize| named.get(place).cloned();
        Ok(sums
            .into_iter()
            .map(|((seller, buyer), flow)| Sale { seller: party(seller), buyer: party(buyer), flow })
            .collect())
    }
}

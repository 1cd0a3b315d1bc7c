//! The rules that guard the identity API, per resource, with the names and defaults that operators know.

mod token;

use policy::Rule;

/// Joins lists of rules into one.
const fn joined<const N: usize>(lists: &[&[Rule]]) -> [Rule; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut next) = (0, 0);
    while list < lists.len() {
        let mut index = 0;
        while index < lists[list].len() {
            all[next] = lists[list][index];
            (index, next) = (index + 1, next + 1);
        }
        list += 1;
    }
    all
}

const LISTS: &[&[Rule]] = &[token::RULES];

const COUNT: usize = {
    let (mut list, mut count) = (0, 0);
    while list < LISTS.len() {
        count += LISTS[list].len();
        list += 1;
    }
    count
};

/// All rules of the identity API.
pub const RULES: &[Rule] = &joined::<COUNT>(LISTS);

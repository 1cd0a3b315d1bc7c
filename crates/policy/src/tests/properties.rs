//! What holds for every check and for every text.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::check::Piece;
use crate::{Attribute, Check, Credentials, Left, Policy, Reference, Target, Template};

fn template() -> impl Strategy<Value = Template> {
    let text = "[a-zé%:.(='-]{0,4}[a-z0-9%:.'-]".prop_map(Piece::Text);
    let key = "[a-zA-Z0-9_.:%(]{1,8}".prop_map(Piece::Key);
    vec(prop_oneof![text, key], 1..4).prop_map(Template::new)
}

fn left() -> impl Strategy<Value = Left> {
    prop_oneof![
        "([^\\s'\"\\\\(:]{0,6}|True|None|-?[0-9]{1,4}|it's)".prop_map(Left::Literal),
        "[a-z_][A-Za-z0-9_-]{0,6}(\\.[a-z_][a-z0-9_]{0,4}){0,3}"
            .prop_filter("kinds", |name| !["role", "rule", "http", "https", "field"].contains(&name.as_str()))
            .prop_map(|name| Left::Attribute(Attribute::new(&name))),
    ]
}

fn check() -> impl Strategy<Value = Check> {
    let leaf = prop_oneof![
        Just(Check::Always),
        Just(Check::Never),
        template().prop_map(Check::Role),
        "[A-Za-z0-9_:%.'-]{1,12}".prop_map(|name| Check::Rule(Reference { name, index: None })),
        (left(), template()).prop_map(|(left, right)| Check::Equal(left, right)),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|check| Check::Not(Box::new(check))),
            vec(inner.clone(), 2..4).prop_map(Check::All),
            vec(inner, 2..4).prop_map(Check::Any),
        ]
    })
}

proptest! {
    #[test]
    fn printed_checks_parse_back(check in check()) {
        prop_assert_eq!(check.to_string().parse::<Check>(), Ok(check));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = text.parse::<Check>();
    }

    #[test]
    fn what_parses_has_a_stable_text(text in "([ ()@!:%'\"a-cA-C.]|and |or |not |role:|rule:|%\\(x\\)s|True){0,24}") {
        if let Ok(check) = text.parse::<Check>() {
            prop_assert_eq!(check.to_string().parse::<Check>(), Ok(check));
        }
    }

    #[test]
    fn no_file_makes_the_loader_panic(text in "([a-c\"'\\[\\]{}:,@!&*#~|>%-]|\n|  |rule:|role:x|: ){0,40}") {
        let _ = Policy::new(&[]).unwrap().with_overrides(&text);
    }

    #[test]
    fn negation_turns_every_answer(check in check()) {
        let roles = ["a".to_owned()];
        let credentials = Credentials { user_id: "a", roles: &roles, ..Credentials::default() };
        let target = Target::new().with("a", "a").with("b", true);
        let text = serde_yaml_ng::to_string(&std::collections::BTreeMap::from([
            ("plain", check.to_string()),
            ("turned", format!("not ({check})")),
        ])).unwrap();
        if let Ok(policy) = Policy::new(&[]).unwrap().with_overrides(&text) {
            let [plain, turned] = ["plain", "turned"].map(|name| policy.check(name, &credentials, &target).allowed);
            prop_assert_ne!(plain, turned);
        }
    }
}

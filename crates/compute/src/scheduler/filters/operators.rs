//! Comparisons in extra specs.

/// The operators of extra specs: `= >= <= == !=` on numbers, `s== s!= s< s<= s> s>= <in> <all-in> <or>` on texts; none is
/// equality of texts.
pub(super) fn satisfies(value: &str, demand: &str) -> bool {
    let (operator, operand) = demand.trim().split_once(' ').unwrap_or(("", demand.trim()));
    let operand = operand.trim();
    let numbers = || Some((value.parse::<f64>().ok()?, operand.parse::<f64>().ok()?));
    match operator {
        "=" | ">=" => numbers().is_some_and(|(value, operand)| value >= operand),
        "<=" => numbers().is_some_and(|(value, operand)| value <= operand),
        "==" => numbers().is_some_and(|(value, operand)| value == operand),
        "!=" => numbers().is_some_and(|(value, operand)| value != operand),
        "s==" => value == operand,
        "s!=" => value != operand,
        "s<" => value < operand,
        "s<=" => value <= operand,
        "s>" => value > operand,
        "s>=" => value >= operand,
        "<in>" => value.contains(operand),
        "<all-in>" => operand.split_whitespace().all(|part| value.contains(part)),
        "<or>" => operand.split("<or>").any(|choice| choice.trim() == value),
        _ => value == demand.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::satisfies;

    #[test]
    fn operators_compare_numbers_and_texts() {
        for (value, demand, expected) in [
            ("QEMU", "QEMU", true),
            ("QEMU", "s== QEMU", true),
            ("QEMU", "s!= QEMU", false),
            ("8002000", ">= 8000000", true),
            ("8002000", "= 9000000", false),
            ("10", "<= 9", false),
            ("x86_64", "<in> 86", true),
            ("sse avx aes", "<all-in> aes sse", true),
            ("sse avx", "<all-in> aes sse", false),
            ("b", "<or> a <or> b", true),
            ("c", "<or> a <or> b", false),
            ("text", ">= 1", false),
        ] {
            assert_eq!(satisfies(value, demand), expected, "{value} {demand}");
        }
    }
}

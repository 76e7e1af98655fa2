//! From a sequence that shows a difference to the shortest that still does.

use super::call::Call;

/// The calls without those that are not needed for `differs` to hold.
///
/// Runs of calls are left out, long ones first, until no single call and no single step of one can
/// be.
pub fn shrink(mut calls: Vec<Call>, mut differs: impl FnMut(&[Call]) -> bool) -> Vec<Call> {
    let mut run = calls.len() / 2;
    while run > 0 {
        let before = calls.len();
        leave_out(&mut calls, run, &mut differs);
        // What could not be left out may be, now that others are.
        if run > 1 || calls.len() == before {
            run /= 2;
        }
    }
    for index in 0..calls.len() {
        shorten(&mut calls, index, &mut differs);
    }
    calls
}

fn leave_out(calls: &mut Vec<Call>, run: usize, differs: &mut impl FnMut(&[Call]) -> bool) {
    let mut end = calls.len();
    while end > 0 {
        let start = end.saturating_sub(run);
        let mut fewer = calls.clone();
        fewer.drain(start..end);
        if differs(&fewer) {
            *calls = fewer;
        }
        end = start;
    }
}

/// Leaves steps of an edited file out.
fn shorten(calls: &mut Vec<Call>, index: usize, differs: &mut impl FnMut(&[Call]) -> bool) {
    let Call::Edit(_, _, steps) = &calls[index] else {
        return;
    };
    for step in (0..steps.len()).rev() {
        let mut fewer = calls.clone();
        if let Call::Edit(_, _, steps) = &mut fewer[index] {
            steps.remove(step);
        }
        if differs(&fewer) {
            *calls = fewer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::Step;
    use super::*;

    #[test]
    fn only_what_a_difference_needs_is_left() {
        let ask = |path| Call::Ask("exists", path);
        let steps = vec![Step::Flush, Step::SetLen(3), Step::ReadToEnd];
        let mut calls: Vec<_> = (0..50).map(|_| ask("a")).collect();
        calls[11] = ask("first");
        calls[30] = Call::Edit("b", "w", steps);
        let needed = |calls: &[Call]| {
            calls.contains(&ask("first"))
                && calls.iter().any(|call| match call {
                    Call::Edit(_, _, steps) => steps.contains(&Step::SetLen(3)),
                    _ => false,
                })
        };
        let expected = [ask("first"), Call::Edit("b", "w", vec![Step::SetLen(3)])];
        assert_eq!(shrink(calls, needed), expected);
    }
}

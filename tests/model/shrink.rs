//! Reduces a sequence that shows a difference to the shortest that still does.

use super::call::Call;

/// Removes the calls that are not needed for `differs` to hold.
///
/// Leaves out runs of calls, long ones first, until no single call and no single step of one can
/// be left out.
pub fn shrink(mut calls: Vec<Call>, mut differs: impl FnMut(&[Call]) -> bool) -> Vec<Call> {
    let mut run = calls.len() / 2;
    while run > 0 {
        let before = calls.len();
        leave_out(&mut calls, run, &mut differs);
        // A call that was needed before may be unnecessary after others are left out.
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

/// Leaves out steps of an edited file.
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
    fn only_the_calls_that_cause_a_difference_are_left() {
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

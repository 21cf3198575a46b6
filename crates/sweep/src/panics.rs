//! Converts panics of a library on damaged data to errors.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Result of `of`, or the message of its panic, which is not printed.
///
/// After a panic, everything that `of` used must be discarded. The first call installs a hook in front of the program's
/// own, which still handles all other panics.
pub(crate) fn caught<T>(of: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !CATCHING.get() {
                return others(panic);
            }
            let payload = panic.payload();
            let said = payload.downcast_ref::<&str>().copied();
            let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let said = said.unwrap_or("no reason given").lines().next().unwrap_or_default();
            MESSAGE.with_borrow_mut(|message| said.clone_into(message));
        }));
    });
    let outer = CATCHING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(of));
    CATCHING.set(outer);
    outcome.map_err(|_| MESSAGE.take())
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(caught(|| 3), Ok(3));
        assert_eq!(caught(|| -> u8 { panic!("page {} is odd\nand more", 7) }), Err("page 7 is odd".to_owned()));
        let nested = caught(|| (caught(|| -> u8 { panic!("inner") }), 4));
        assert_eq!(nested, Ok((Err("inner".to_owned()), 4)));
    }
}

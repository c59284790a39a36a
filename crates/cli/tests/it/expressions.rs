//! Lone expressions, times and users as arguments.

#[test]
fn expressions_times_and_users_can_be_given_on_the_command_line() {
    let cases = crate::check("expressions");
    assert!(cases > 20, "the fixture lost its cases");
}

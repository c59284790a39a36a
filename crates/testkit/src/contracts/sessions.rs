//! Laws for implementations of `Sessions`.

use std::sync::Arc;

use bson::DateTime;
use portcullis::store::{Session, Sessions};

type Store = Arc<dyn Sessions>;

super::laws! { Store:
    a_session_is_found_as_it_was_stored
    an_ended_session_is_gone
    all_sessions_of_a_user_end_at_once
    removing_a_key_ends_its_sessions
    expired_sessions_are_forgotten
    several_sessions_are_found_in_one_lookup
}

fn at(seconds: i64) -> DateTime {
    DateTime::from_millis(1_700_000_000_000 + seconds * 1000)
}

fn session(id: &str, user_id: &str) -> Session {
    Session {
        id: id.to_owned(),
        user_id: user_id.to_owned(),
        device_id: "device".to_owned(),
        started_at: at(0),
        expires_at: Some(at(60)),
        key_id: None,
    }
}

async fn a_session_is_found_as_it_was_stored(sessions: Store) {
    let ada = session("1", "ada");
    let anonymous = Session { expires_at: None, ..session("2", "anonymous") };
    for session in [&ada, &anonymous] {
        sessions.start(session).await.unwrap();
    }
    assert_eq!(sessions.find("1").await.unwrap(), Some(ada));
    assert_eq!(sessions.find("2").await.unwrap(), Some(anonymous));
    for unknown in ["3", "", "ada", "01"] {
        assert_eq!(sessions.find(unknown).await.unwrap(), None, "{unknown}");
    }
}

async fn an_ended_session_is_gone(sessions: Store) {
    for id in ["1", "2"] {
        sessions.start(&session(id, "ada")).await.unwrap();
    }
    assert!(sessions.end("1").await.unwrap());
    assert!(!sessions.end("1").await.unwrap());
    assert_eq!(sessions.find("1").await.unwrap(), None);
    assert!(sessions.find("2").await.unwrap().is_some());
}

async fn all_sessions_of_a_user_end_at_once(sessions: Store) {
    for (id, user) in [("1", "ada"), ("2", "ada"), ("3", "ada "), ("4", "Ada"), ("5", "ada")] {
        sessions.start(&session(id, user)).await.unwrap();
    }
    assert_eq!(sessions.end_all("ada").await.unwrap(), 3);
    assert_eq!(sessions.end_all("ada").await.unwrap(), 0);
    for (id, stays) in [("1", false), ("2", false), ("3", true), ("4", true), ("5", false)] {
        assert_eq!(sessions.find(id).await.unwrap().is_some(), stays, "{id}");
    }
}

async fn removing_a_key_ends_its_sessions(sessions: Store) {
    let of_key = |key_id: &str| Some(key_id.to_owned());
    for (id, user_id, key_id) in [
        ("1", "ada", of_key("k1")),
        ("2", "ada", of_key("k2")),
        ("3", "ada", None),
        ("4", "ada", of_key("k1")),
        ("5", "eve", of_key("k1")),
    ] {
        sessions.start(&Session { key_id, ..session(id, user_id) }).await.unwrap();
    }
    assert_eq!(sessions.find("1").await.unwrap().unwrap().key_id, of_key("k1"));
    assert_eq!(sessions.end_of_key("ada", "k1").await.unwrap(), 2);
    assert_eq!(sessions.end_of_key("ada", "k1").await.unwrap(), 0);
    assert_eq!(sessions.end_of_key("nobody", "k2").await.unwrap(), 0);
    for (id, stays) in [("1", false), ("2", true), ("3", true), ("4", false), ("5", true)] {
        assert_eq!(sessions.find(id).await.unwrap().is_some(), stays, "{id}");
    }
    assert_eq!(sessions.end_all("ada").await.unwrap(), 2);
}

async fn expired_sessions_are_forgotten(sessions: Store) {
    for (id, expires_at) in [("1", Some(at(59))), ("2", Some(at(60))), ("3", Some(at(61))), ("4", None)] {
        sessions.start(&Session { expires_at, ..session(id, "ada") }).await.unwrap();
    }
    // Expired sessions are found until they are purged; checking the expiry is up to the caller.
    assert!(sessions.find("1").await.unwrap().is_some());
    assert_eq!(sessions.purge(at(60)).await.unwrap(), 1);
    assert_eq!(sessions.purge(at(60)).await.unwrap(), 0);
    for (id, stays) in [("1", false), ("2", true), ("3", true), ("4", true)] {
        assert_eq!(sessions.find(id).await.unwrap().is_some(), stays, "{id}");
    }
    assert_eq!(sessions.end_all("ada").await.unwrap(), 3);
}

/// Not in the table above, since it needs two views of the same store.
pub async fn applications_in_one_store_are_isolated(mine: Store, other: Store) {
    let keyed = Session { key_id: Some("k".to_owned()), ..session("1", "ada") };
    mine.start(&keyed).await.unwrap();
    assert_eq!(other.find("1").await.unwrap(), None);
    assert!(!other.end("1").await.unwrap());
    assert_eq!(other.end_of_key("ada", "k").await.unwrap(), 0);
    other.start(&session("1", "eve")).await.unwrap();
    other.start(&session("2", "ada")).await.unwrap();
    assert_eq!(mine.find("1").await.unwrap().as_ref(), Some(&keyed));
    assert_eq!(mine.find("2").await.unwrap(), None);
    assert_eq!(other.end_all("ada").await.unwrap(), 1);
    assert_eq!(other.purge(at(100)).await.unwrap(), 1);
    assert_eq!(mine.find("1").await.unwrap().as_ref(), Some(&keyed));
    assert_eq!(mine.end_all("ada").await.unwrap(), 1);
}

async fn several_sessions_are_found_in_one_lookup(sessions: Store) {
    for id in ["1", "2", "3"] {
        sessions.start(&session(id, "ada")).await.unwrap();
    }
    sessions.end("2").await.unwrap();
    let found = sessions.find_all(&["3", "none", "1", "2", "3", ""]).await.unwrap();
    let ids: Vec<Option<String>> = found.into_iter().map(|session| session.map(|session| session.id)).collect();
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(ids, [some("3"), None, some("1"), None, some("3"), None]);
    assert_eq!(sessions.find_all(&[]).await.unwrap(), []);
}

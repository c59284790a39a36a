use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bson::RawDocumentBuf;

use crate::user_named::user_named_by;
use portcullis::auth::CustomDataSource;
use portcullis::store::CustomDataObserver;
use portcullis::store::documents::Namespace;
use portcullis::value::DocumentRef;

/// The maximum number of users tracked per transaction and observer. If there are more, all users are reported as
/// changed.
const MAX_USERS: usize = 10_000;

/// The registered observers of custom data, with what each observes.
#[derive(Default)]
pub(super) struct Observers(Mutex<Vec<(CustomDataSource, Weak<dyn CustomDataObserver>)>>);

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observers")
    }
}

impl Observers {
    pub(super) fn add(&self, source: &CustomDataSource, observer: Weak<dyn CustomDataObserver>) {
        let mut known = self.known();
        known.retain(|(_, observer)| observer.strong_count() > 0);
        known.push((source.clone(), observer));
    }

    /// Starts to track the changes of a transaction for the current observers.
    pub(super) fn begin(&self) -> Concerned {
        let known = self.known();
        let there = known.iter().filter_map(|(source, observer)| {
            let users = Users::These(BTreeSet::new());
            Some(ConcernedObserver { source: source.clone(), observer: observer.upgrade()?, users })
        });
        Concerned(there.collect())
    }

    /// Notifies the observers after a commit. For an observer that was added during the transaction, no changes were
    /// tracked, so all users are reported as changed.
    pub(super) fn tell(&self, concerned: Concerned) {
        let latecomers: Vec<_> = {
            let known = self.known();
            let all = known.iter().filter_map(|(_, observer)| observer.upgrade());
            all.filter(|one| concerned.0.iter().all(|told| !Arc::ptr_eq(&told.observer, one))).collect()
        };
        for observer in latecomers {
            observer.changed_all();
        }
        for ConcernedObserver { observer, users, .. } in concerned.0 {
            match users {
                Users::These(users) if users.is_empty() => {}
                Users::These(users) => observer.changed(&users),
                Users::All => observer.changed_all(),
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<(CustomDataSource, Weak<dyn CustomDataObserver>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The users whose custom data a transaction changes, per observer.
pub(super) struct Concerned(Vec<ConcernedObserver>);

struct ConcernedObserver {
    source: CustomDataSource,
    observer: Arc<dyn CustomDataObserver>,
    users: Users,
}

enum Users {
    These(BTreeSet<String>),
    All,
}

impl Concerned {
    /// Records the users to whom a document belongs before and after a change.
    pub(super) fn note(&mut self, namespace: &Namespace, images: [&Option<RawDocumentBuf>; 2]) {
        for ConcernedObserver { source, users, .. } in &mut self.0 {
            let is_watched = source.database == namespace.database() && source.collection == namespace.collection();
            let Users::These(named) = users else { continue };
            if !is_watched {
                continue;
            }
            for image in images.into_iter().flatten() {
                match user_named_by(DocumentRef::Raw(image), &source.user_id_field) {
                    Ok(user) if named.len() < MAX_USERS => named.extend(user),
                    _ => {
                        *users = Users::All;
                        break;
                    }
                }
            }
        }
    }
}

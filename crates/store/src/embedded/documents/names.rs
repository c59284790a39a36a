use super::EmbeddedDocuments;
use super::collection::DOCUMENTS;
use super::failure::broken;
use crate::embedded::database::Failure;
use portcullis::store::documents::DocumentsError;

impl EmbeddedDocuments {
    /// The names of the databases that contain documents, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn database_names(&self) -> Result<Vec<String>, DocumentsError> {
        let mut names: Vec<String> = Vec::new();
        loop {
            // Skips all collections of the previous database: no database name contains a null character.
            let from = names.last().map_or_else(String::new, |last| format!("{last}\0"));
            match self.first_from((&from, "", 0))? {
                Some((database, _)) => names.push(database),
                None => return Ok(names),
            }
        }
    }

    /// The names of a database's collections that contain documents, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn collection_names(&self, database: &str) -> Result<Vec<String>, DocumentsError> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let from = names.last().map_or_else(String::new, |last| format!("{last}\0"));
            match self.first_from((database, &from, 0))? {
                Some((found, collection)) if found == database => names.push(collection),
                _ => return Ok(names),
            }
        }
    }

    /// The database and collection of the first document at or after a key.
    fn first_from(&self, place: (&str, &str, u64)) -> Result<Option<(String, String)>, DocumentsError> {
        let first = || -> Result<_, Failure> {
            let table = self.file.begin_read()?.open_table(DOCUMENTS)?;
            let first = table.range(place..)?.next().transpose()?;
            Ok(first.map(|(key, _)| {
                let (database, collection, _) = key.value();
                (database.to_owned(), collection.to_owned())
            }))
        };
        first().map_err(broken("cannot read the names of collections"))
    }
}

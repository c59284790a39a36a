use portcullis::User;
use portcullis::endpoint::{ReturnType, Validation};
use portcullis_functions::{Call, CallError, Entry, HttpRequest, Returned, RunAsAnswer};

use super::form::Form;
use super::incoming::{Incoming, SECRET};
use super::reply::HttpReply;
use crate::client::{ClientApi, ClientError, ErrorCode};
use crate::data::Asker;
use crate::functions::client_error;

/// The function that handles an admitted request, and the conversion of its result into the response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answering<'a> {
    pub(super) function: &'a str,
    pub(super) entry: Entry,
    pub(super) validation: &'a Validation,
    pub(super) responds_result: bool,
    pub(super) return_type: ReturnType,
}

impl Answering<'_> {
    /// Calls the function.
    pub(super) async fn answer(
        self,
        api: &ClientApi,
        incoming: &Incoming<'_>,
        asker: Asker,
        chosen: Option<RunAsAnswer>,
    ) -> Result<HttpReply, ClientError> {
        let http = http_request(incoming, self.validation);
        let mut call = Call::new(self.function, Vec::new(), self.entry, User::clone(&asker.user)).with_http(http);
        if let Some(request) = asker.request {
            call = call.with_request(request);
        }
        if let Some(chosen) = chosen {
            call = call.with_run_as(chosen);
        }
        let returned = api.functions.call(call).await.map_err(|error| failed(&error))?;
        Ok(self.reply(returned, Form::wanted(incoming, self.return_type)))
    }

    /// The response: what the function set explicitly, or else its result.
    fn reply(self, returned: Returned, form: Form) -> HttpReply {
        let Returned { value, response, .. } = returned;
        let response = response.unwrap_or_default();
        // If a webhook's function touches the response, it supplies all of it. An endpoint's response still contains
        // the function's result.
        let is_own = matches!(self.entry, Entry::Webhook) && !response.is_untouched();
        let has_result = self.responds_result && response.body.is_none() && !is_own;
        let mut reply = if has_result {
            HttpReply::result(value, form)
        } else {
            let is_empty = response.body.is_none() && !is_own;
            HttpReply { status: if is_empty { 204 } else { 200 }, headers: Vec::new(), body: response.body }
        };
        reply.status = response.status.unwrap_or(reply.status);
        if matches!(reply.status, 204 | 205 | 304) {
            // Responses with these statuses have no body, and so no headers that describe one.
            reply.body = None;
            reply.headers.clear();
        }
        let is_set = |known: &str| response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(known));
        reply.headers.retain(|(name, _)| !is_set(name));
        reply.headers.extend(response.headers);
        reply
    }
}

/// The request as functions see it, without the secret that authorizes it.
pub(super) fn http_request(incoming: &Incoming<'_>, validation: &Validation) -> HttpRequest {
    let hides = matches!(validation, Validation::SecretInQuery(_));
    let query = incoming.parameters().filter(|(name, _)| !hides || name != SECRET).collect();
    let body = (!incoming.body.is_empty()).then(|| incoming.body.to_vec());
    HttpRequest { query, headers: incoming.headers.clone(), body }
}

/// The error that callers receive for a failed call: without details, which might include anything that the function
/// threw.
fn failed(error: &CallError) -> ClientError {
    let reply = client_error(error);
    if !matches!(error, CallError::Failed(_)) {
        return reply;
    }
    let private = match reply.private {
        Some(place) => format!("{} ({place})", reply.message),
        None => reply.message,
    };
    let mut generic = ClientError::bad(ErrorCode::FunctionExecutionError, "the function failed");
    generic.private = Some(private);
    generic
}

#[cfg(test)]
mod tests {
    use portcullis_functions::HttpResponse;

    use bson::Bson;

    use super::*;

    fn reply(entry: Entry, responds_result: bool, response: HttpResponse) -> (u16, Option<String>, usize) {
        let answering = Answering {
            function: "f",
            entry,
            validation: &Validation::None,
            responds_result,
            return_type: ReturnType::Json,
        };
        let returned =
            Returned { value: Bson::Int32(7), is_computed: false, console: Vec::new(), response: Some(response) };
        let HttpReply { status, headers, body } = answering.reply(returned, Form::Json);
        (status, body.map(|body| String::from_utf8_lossy(&body).into_owned()), headers.len())
    }

    #[test]
    fn the_result_is_sent_unless_the_function_sets_a_body() {
        let body = || Some(b"own".to_vec());
        let header = || vec![("content-type".to_owned(), "text/plain".to_owned())];
        let untouched = HttpResponse::default;
        let status = || HttpResponse { status: Some(201), ..untouched() };
        let own = || HttpResponse { body: body(), ..untouched() };
        let empty = || HttpResponse { status: Some(204), body: body(), ..untouched() };
        let headed = || HttpResponse { headers: header(), ..untouched() };
        let (seven, text) = (Some("7".to_owned()), Some("own".to_owned()));
        for (entry, responds, response, expected) in [
            (Entry::Endpoint, true, untouched(), (200, seven.clone(), 1)),
            (Entry::Endpoint, true, status(), (201, seven.clone(), 1)),
            (Entry::Endpoint, true, headed(), (200, seven.clone(), 1)),
            (Entry::Endpoint, true, own(), (200, text.clone(), 0)),
            (Entry::Endpoint, false, untouched(), (204, None, 0)),
            (Entry::Endpoint, false, status(), (201, None, 0)),
            (Entry::Endpoint, false, headed(), (204, None, 1)),
            (Entry::Endpoint, false, own(), (200, text.clone(), 0)),
            (Entry::Endpoint, true, empty(), (204, None, 0)),
            (Entry::Webhook, true, empty(), (204, None, 0)),
            (Entry::Webhook, true, untouched(), (200, seven, 1)),
            (Entry::Webhook, true, status(), (201, None, 0)),
            (Entry::Webhook, true, headed(), (200, None, 1)),
            (Entry::Webhook, true, own(), (200, text, 0)),
            (Entry::Webhook, false, untouched(), (204, None, 0)),
        ] {
            assert_eq!(reply(entry, responds, response.clone()), expected, "{entry:?} {responds} {response:?}");
        }
    }
}

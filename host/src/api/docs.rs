//! The API's account of itself: the OpenAPI document, and a page made of it for people. The page loads nothing from
//! elsewhere and runs no script.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::declared::TOKEN;
use super::service::Service;

const STYLE: &str = include_str!("docs/style.css");

/// What the page may load, which is its style.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// This API as an OpenAPI document
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "host",
    responses((status = 200, description = "The document", body = serde_json::Value, content_type = "application/json"))
)]
pub(super) async fn openapi(State(service): State<Service>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], service.document.clone()).into_response()
}

/// This API as a page for people
#[utoipa::path(
    get,
    path = "/docs",
    tag = "host",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(super) async fn page(State(service): State<Service>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, service.page.clone()).into_response()
}

/// The style of that page
#[utoipa::path(
    get,
    path = "/docs/style.css",
    tag = "host",
    responses((status = 200, description = "The style", body = String, content_type = "text/css"))
)]
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// The document as it is served and checked in.
pub(super) fn json(document: &OpenApi) -> String {
    document.to_pretty_json().map(|json| json + "\n").unwrap_or_default()
}

/// The document as a page.
pub(super) fn html(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut page = Page(String::new());
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw(
        "<title>sandclock API</title>\n<link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body>\n<main>\n",
    );
    page.element("h1", "sandclock API");
    page.element("p", text(&document["info"]["description"]));
    page.raw("<p>The same for programs: <a href=\"/api/v1/openapi.json\">openapi.json</a></p>\n");
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        page.element("h2", name);
        page.element("p", text(&tag["description"]));
        for (path, item) in entries(&document["paths"]) {
            for (method, operation) in entries(item).filter(|(_, operation)| text(&operation["tags"][0]) == name) {
                page.operation(method, path, operation);
            }
        }
    }
    page.element("h2", "objects");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        page.schema(name, schema);
    }
    page.raw("</main>\n</body>\n</html>\n");
    page.0
}

/// A page in HTML that is being written.
struct Page(String);

impl Page {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&#39;"),
                c => self.0.push(c),
            }
        }
    }

    /// A text in which what stands between backticks is code.
    fn prose(&mut self, text: &str) {
        let mut parts = text.split('`').peekable();
        let mut is_code = false;
        while let Some(part) = parts.next() {
            match (is_code, parts.peek()) {
                (true, Some(_)) => {
                    self.raw("<code>");
                    self.text(part);
                    self.raw("</code>");
                }
                // One that nothing closes is a character like others.
                (true, None) => self.text(&format!("`{part}")),
                (false, _) => self.text(part),
            }
            is_code = !is_code;
        }
    }

    fn element(&mut self, name: &str, text: &str) {
        self.raw(&format!("<{name}>"));
        self.prose(text);
        self.raw(&format!("</{name}>\n"));
    }

    fn operation(&mut self, method: &str, path: &str, operation: &Value) {
        self.raw("<section>\n<h3><span class=\"method\">");
        self.text(&method.to_uppercase());
        self.raw("</span> <code>");
        self.text(path);
        self.raw("</code></h3>\n");
        self.element("p", text(&operation["summary"]));
        if !text(&operation["description"]).is_empty() {
            self.element("p", text(&operation["description"]));
        }
        match operation["security"][0][TOKEN][0].as_str() {
            Some(role) => self.element("p", &format!("Takes a token with the role `{role}`.")),
            None => self.element("p", "Takes no token."),
        }
        let parameters: Vec<_> = list(&operation["parameters"]).collect();
        if !parameters.is_empty() {
            self.raw("<table>\n<tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>\n");
            for parameter in parameters {
                let cells = [
                    text(&parameter["name"]),
                    text(&parameter["in"]),
                    &kind(&parameter["schema"]),
                    text(&parameter["description"]),
                ];
                self.row(&cells);
            }
            self.raw("</table>\n");
        }
        let body = &operation["requestBody"];
        if body.is_object() {
            self.raw("<p>Body: ");
            let kinds: Vec<_> = entries(&body["content"]).map(|(media, body)| of_media(media, body)).collect();
            self.text(&kinds.join(", or "));
            self.raw("</p>\n");
        }
        self.raw("<table>\n<tr><th>status</th><th>answer</th><th></th></tr>\n");
        for (status, response) in entries(&operation["responses"]) {
            let kinds: Vec<_> = entries(&response["content"]).map(|(media, body)| of_media(media, body)).collect();
            self.row(&[status, &kinds.join(", or "), text(&response["description"])]);
        }
        self.raw("</table>\n</section>\n");
    }

    fn schema(&mut self, name: &str, schema: &Value) {
        self.raw(&format!("<section id=\"{name}\">\n"));
        self.element("h3", name);
        self.element("p", text(&schema["description"]));
        // What is made of several objects has the fields of all of them.
        let parts = list(&schema["allOf"]).chain(list(&schema["oneOf"])).chain(std::iter::once(schema));
        let fields: Vec<_> = parts.flat_map(|part| entries(&part["properties"]).collect::<Vec<_>>()).collect();
        if !fields.is_empty() {
            self.raw("<table>\n<tr><th>field</th><th>type</th><th></th></tr>\n");
            for (field, schema) in fields {
                self.row(&[field, &kind(schema), text(&schema["description"])]);
            }
            self.raw("</table>\n");
        }
        self.raw("</section>\n");
    }

    fn row(&mut self, cells: &[&str]) {
        self.raw("<tr>");
        for cell in cells {
            self.raw("<td>");
            self.prose(cell);
            self.raw("</td>");
        }
        self.raw("</tr>\n");
    }
}

fn of_media(media: &str, body: &Value) -> String {
    match kind(&body["schema"]) {
        kind if kind == "string" || kind.is_empty() => media.to_owned(),
        kind => format!("{kind} ({media})"),
    }
}

/// What a value is, in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let options = list(&schema["oneOf"]).chain(list(&schema["allOf"]));
    let options: Vec<String> = options.map(kind).filter(|kind| !kind.is_empty()).collect();
    if !options.is_empty() {
        return options.join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        several => list(several).filter_map(Value::as_str).collect(),
    };
    let types: Vec<String> = types
        .into_iter()
        .map(|name| match (name, schema["format"].as_str()) {
            ("array", _) => format!("list of {}", kind(&schema["items"])),
            ("string", Some(format)) => format.to_owned(),
            (name, _) => name.to_owned(),
        })
        .collect();
    types.join(" or ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::document;

    /// `docs/openapi.json` is what clients are made from. `UPDATE=1` rewrites it.
    #[test]
    fn the_document_is_as_it_was_reviewed() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        let current = json(&document());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &current).unwrap();
        }
        let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(current == reviewed, "{} is not what the handlers say; UPDATE=1 rewrites it", path.display());
    }

    #[test]
    fn the_page_has_every_route_and_nothing_from_elsewhere() {
        let document = document();
        let page = html(&document);
        for path in document.paths.paths.keys() {
            assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
        }
        assert!(!page.contains("<script") && !page.contains("//"), "{page}");
        let mut escaped = Page(String::new());
        escaped.text("<a href='x'>&\"");
        assert_eq!(escaped.0, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        let check = |text: &str, expected: &str| {
            let mut page = Page(String::new());
            page.prose(text);
            assert_eq!(page.0, expected);
        };
        check("the `wait` of `<a>`", "the <code>wait</code> of <code>&lt;a&gt;</code>");
        check("`all`", "<code>all</code>");
        check("one ` alone", "one ` alone");
        check("`one` and ` alone", "<code>one</code> and ` alone");
    }
}

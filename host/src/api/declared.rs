//! What the table of routes adds to the OpenAPI document of what handlers say themselves: the problem that every route may
//! answer with, and the token that it takes.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};

use super::guard::Needs;

/// What the way to bring a token is called.
pub(super) const TOKEN: &str = "token";

/// Declares what holds for each operation of a path that takes this of whoever asks.
pub(super) fn declare(item: &mut PathItem, needs: Needs) {
    let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
    for operation in operations.into_iter().flatten() {
        may_be_a_problem(operation);
        operation.security = needs.role.map(|role| vec![SecurityRequirement::new(TOKEN, [role.name()])]);
    }
}

/// The door answers for every route, and so does what stands behind all of them.
fn may_be_a_problem(operation: &mut Operation) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description("A problem").content("application/problem+json", problem);
    operation.responses.responses.insert("default".to_owned(), response.build().into());
}

/// Declares how a token is brought.
pub(super) fn declare_tokens(document: &mut OpenApi) {
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("sclk_…").description(Some(
        "A token with the role that an operation names, or more: `read`, `operate` or `admin`. \
         `sandclock token create` makes one. While there is none, clients on the same machine may look without; \
         over the control socket, none is needed.",
    ));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
}

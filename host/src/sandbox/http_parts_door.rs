//! The door to the parts of HTTP that a guest makes and is answered: only so many at once, and methods of a sensible length.
//!
//! The library bounds what one set of fields counts as, which is a third of what it takes, and neither how many there are
//! nor what else a request holds: a guest that may send nothing made the host hold a gibibyte in requests.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types as p2;
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::p3::bindings::http::types as p3;
use wasmtime_wasi_http::p3::{Request, Response};
use wasmtime_wasi_http::{FieldMap, WasiHttpCtxView, WasiHttpView as _};

use crate::sandbox::guest::Guest;
use crate::sandbox::{Profile, Wasi, bounds};

type Fields = Resource<FieldMap>;
type Entries = Vec<(String, Vec<u8>)>;

/// Puts the door in the place of the library's, under every version that the profile serves.
pub(super) fn add_to_linker(profile: Profile, linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    add_2(linker)?;
    if profile.wasi == Wasi::V03 {
        add_3(linker)?;
    }
    linker.allow_shadowing(false);
    Ok(())
}

fn add_2(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use p2::{HostFields as F, HostOutgoingRequest as Q, HostOutgoingResponse as R};
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap("[constructor]fields", |mut store, (): ()| Ok((F::new(&mut room(store.data_mut())?)?,)))?;
    types.func_wrap("[static]fields.from-list", |mut store, (entries,): (Entries,)| {
        let made = F::from_list(&mut room(store.data_mut())?, entries);
        Ok((made.map_or_else(|error| error.downcast().map(Err), |fields| Ok(Ok(fields)))?,))
    })?;
    types.func_wrap("[method]fields.clone", |mut store, (fields,): (Fields,)| {
        Ok((F::clone(&mut room(store.data_mut())?, fields)?,))
    })?;
    types.func_wrap("[constructor]outgoing-request", |mut store, (headers,): (Fields,)| {
        Ok((Q::new(&mut room(store.data_mut())?, headers)?,))
    })?;
    types.func_wrap("[constructor]outgoing-response", |mut store, (headers,): (Fields,)| {
        Ok((R::new(&mut room(store.data_mut())?, headers)?,))
    })?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Resource<HostOutgoingRequest>, p2::Method)| {
            if matches!(&method, p2::Method::Other(name) if name.len() > bounds::HTTP_METHOD) {
                return Ok((Err(()),));
            }
            Ok((Q::set_method(&mut store.data_mut().http(), request, method)?,))
        },
    )
}

fn add_3(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use p3::{HostFields as F, HostRequest as Q, HostResponse as R};
    let mut types = linker.instance("wasi:http/types@0.3.0")?;
    types.func_wrap("[constructor]fields", |mut store, (): ()| Ok((F::new(&mut room(store.data_mut())?)?,)))?;
    types.func_wrap("[static]fields.from-list", |mut store, (entries,): (Entries,)| {
        let made = F::from_list(&mut room(store.data_mut())?, entries);
        Ok((made.map_or_else(|error| error.downcast().map(Err), |fields| Ok(Ok(fields)))?,))
    })?;
    types.func_wrap("[method]fields.clone", |mut store, (fields,): (Fields,)| {
        Ok((F::clone(&mut room(store.data_mut())?, fields)?,))
    })?;
    // A request is made of fields; with these two, those that were counted are the only ones.
    types.func_wrap("[method]request.get-headers", |mut store, (request,): (Resource<Request>,)| {
        Ok((Q::get_headers(&mut room(store.data_mut())?, request)?,))
    })?;
    types.func_wrap("[method]response.get-headers", |mut store, (response,): (Resource<Response>,)| {
        Ok((R::get_headers(&mut room(store.data_mut())?, response)?,))
    })?;
    types.func_wrap("[method]request.set-method", |mut store, (request, method): (Resource<Request>, p3::Method)| {
        if matches!(&method, p3::Method::Other(name) if name.len() > bounds::HTTP_METHOD) {
            return Ok((Err(()),));
        }
        Ok((Q::set_method(&mut store.data_mut().http(), request, method)?,))
    })
}

/// The guest's HTTP, if there is room for one part more.
fn room(guest: &mut Guest) -> wasmtime::Result<WasiHttpCtxView<'_>> {
    let most = bounds::HTTP_PARTS + guest.http_concurrent();
    let parts = guest.table().iter_mut().filter(|entry| {
        entry.is::<FieldMap>()
            || entry.is::<HostOutgoingRequest>()
            || entry.is::<HostOutgoingResponse>()
            || entry.is::<Request>()
            || entry.is::<Response>()
            || entry.is::<HostIncomingResponse>()
            || matches!(entry.downcast_ref(), Some(HostFutureIncomingResponse::Ready(_)))
    });
    if parts.count() >= most {
        wasmtime::bail!("more than {most} HTTP fields, requests and responses at once");
    }
    Ok(guest.http())
}

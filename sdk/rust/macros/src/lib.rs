//! The attribute `#[sandclock::task]`, documented where `sandclock-sdk` re-exports it.
//!
//! It checks the function's shape and adds the export that the host calls; what a run is, it does not know.

#![warn(missing_docs)]

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Path, ReturnType};

const SHAPE: &str = "a task is a function such as `fn run(run: sandclock::Run) -> Result<(), sandclock::Failure>`";

/// Makes a function the task of its crate.
///
/// The function takes a `Run`, or nothing, and returns a `Result`: `()`, `Output`, text or an `Option` of these on
/// success, and whatever converts into a `Failure` on failure. It stays an ordinary function, so a unit test calls it.
///
/// A crate that depends on the SDK under another name says so: `#[task(crate = my_name)]`.
#[proc_macro_attribute]
pub fn task(attribute: proc_macro::TokenStream, function: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let function = TokenStream::from(function);
    let export = expand(attribute.into(), function.clone()).unwrap_or_else(Error::into_compile_error);
    quote!(#function #export).into()
}

/// What to add beside the function.
fn expand(attribute: TokenStream, function: TokenStream) -> Result<TokenStream, Error> {
    let sdk = sdk_path(attribute)?;
    let function: ItemFn = syn::parse2(function)
        .map_err(|error| Error::new(error.span(), format!("`#[sandclock::task]` belongs on a function: {SHAPE}")))?;
    let parameter = check(&function)?;

    // The spans let the compiler point at the type that does not fit. The hygiene of `mixed_site` keeps our `run` apart
    // from a task that is itself called `run`.
    let returned = match &function.sig.output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, returned) => returned.span(),
    };
    let mut name = function.sig.ident;
    name.set_span(returned);
    let run = Ident::new("run", Span::mixed_site());
    let argument = parameter.map(|span| Ident::new("run", Span::mixed_site().located_at(span)));
    let call = quote_spanned!(returned=> #name(#argument));
    Ok(quote! {
        const _: () = {
            fn __sandclock_task(#run: #sdk::Run) -> ::core::result::Result<#sdk::Output, #sdk::Failure> {
                #sdk::__private::answer(#call)
            }

            #[cfg(target_arch = "wasm32")]
            const _: () = {
                struct Task;

                impl #sdk::__private::Guest for Task {
                    fn run(#run: #sdk::__private::RunInfo) -> #sdk::__private::Answer {
                        #sdk::__private::attempt(#run, __sandclock_task)
                    }
                }

                #sdk::__private::export!(Task with_types_in #sdk::__private::bindings);
            };

            // Elsewhere nobody calls it but tests, and that is no reason to warn.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(#sdk::Run) -> ::core::result::Result<#sdk::Output, #sdk::Failure> = __sandclock_task;
        };
    })
}

/// Where the SDK is: `::sandclock`, or what `crate = path` says.
fn sdk_path(attribute: TokenStream) -> Result<Path, Error> {
    let mut path: Option<Path> = None;
    let arguments = syn::meta::parser(|argument| {
        if !argument.path.is_ident("crate") {
            return Err(argument.error("the only argument of `#[sandclock::task]` is `crate = path::to::the::sdk`"));
        }
        path = Some(argument.value()?.parse()?);
        Ok(())
    });
    arguments.parse2(attribute)?;
    Ok(path.unwrap_or_else(|| syn::parse_quote!(::sandclock)))
}

/// Checks the function's shape; the answer is where the type of its parameter stands, if it has one.
fn check(function: &ItemFn) -> Result<Option<Span>, Error> {
    let signature = &function.sig;
    let refuse = |span: Span, what: &str| Err(Error::new(span, format!("{what}; {SHAPE}")));

    if let Some(word) = &signature.asyncness {
        return refuse(word.span(), "a task is not async: the host runs attempts side by side by itself");
    }
    if let Some(word) = &signature.abi {
        return refuse(word.span(), "a task has no ABI of its own: the attribute adds the export");
    }
    if !signature.generics.params.is_empty() {
        return refuse(signature.generics.span(), "a task cannot be generic");
    }
    if matches!(signature.output, ReturnType::Default) {
        return refuse(signature.ident.span(), "a task returns a `Result`, so that it can say that it failed");
    }
    match signature.inputs.iter().collect::<Vec<_>>().as_slice() {
        [] => Ok(None),
        [FnArg::Receiver(receiver)] => refuse(receiver.span(), "a task is a free function, not a method"),
        [FnArg::Typed(parameter)] => Ok(Some(parameter.ty.span())),
        [_, second, ..] => refuse(second.span(), "a task takes the run and nothing else: see `Run::payload`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(attribute: &str, function: &str) -> String {
        match expand(attribute.parse().unwrap(), function.parse().unwrap()) {
            Ok(tokens) => panic!("`#[task({attribute})] {function}` was taken: {tokens}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn functions_of_the_right_shape_are_taken() {
        for function in [
            "fn run(run: Run) -> Result<(), Failure> { Ok(()) }",
            "pub fn tick() -> Result<Output, std::io::Error> { todo!() }",
            "fn run(_: Run) -> anything::At<All> { todo!() }",
        ] {
            let tokens = expand(TokenStream::new(), function.parse().unwrap()).unwrap().to_string();
            assert!(tokens.contains(":: sandclock :: __private :: attempt"), "{tokens}");
        }
        let renamed = expand(
            quote!(crate = clock::sdk),
            quote!(
                fn run() -> R {
                    r()
                }
            ),
        )
        .unwrap()
        .to_string();
        assert!(renamed.contains("clock :: sdk :: __private") && !renamed.contains("sandclock ::"), "{renamed}");
    }

    #[test]
    fn every_other_shape_is_refused_in_words() {
        for (attribute, function, expected) in [
            ("", "struct Run;", "belongs on a function"),
            ("", "async fn run(run: Run) -> R {}", "not async"),
            ("", "extern \"C\" fn run(run: Run) -> R {}", "no ABI"),
            ("", "fn run<T>(run: T) -> R {}", "cannot be generic"),
            ("", "fn run(run: Run) {}", "returns a `Result`"),
            ("", "fn run(&self) -> R {}", "not a method"),
            ("", "fn run(run: Run, config: Config) -> R {}", "see `Run::payload`"),
            ("every = \"5m\"", "fn run() -> R {}", "the only argument"),
        ] {
            let message = refusal(attribute, function);
            assert!(message.contains(expected), "{function}: {message}");
        }
    }
}

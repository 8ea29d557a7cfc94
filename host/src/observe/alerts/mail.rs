//! A message as a plain mail, handed to the mail server that the operator named.

use std::time::{Duration, SystemTime};

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Letter};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::message::Message;
use crate::model::alert::channel::{Mail, Roots, Security};

/// How long a step of the conversation may take.
const STEP: Duration = Duration::from_secs(20);
/// In which time a mail has to be handed over.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a mail was not handed over.
#[derive(Debug, thiserror::Error)]
pub(super) enum MailError {
    #[error("not handed over within {} s", PATIENCE.as_secs())]
    Late,
    #[error("{0} is no mail address")]
    Address(String, #[source] lettre::address::AddressError),
    #[error("the mail cannot be written")]
    Letter(#[from] lettre::error::Error),
    #[error("the mail server did not take it")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

/// Hands a message to the mail server; done when that has taken it.
pub(super) async fn send(mail: &Mail, roots: &[Roots], message: &Message) -> Result<(), MailError> {
    let letter = letter(mail, message)?;
    let transport = transport(mail, roots)?;
    match tokio::time::timeout(PATIENCE, transport.send(letter)).await {
        Ok(sent) => Ok(sent.map(drop)?),
        Err(_) => Err(MailError::Late),
    }
}

/// The mail. Its `Message-ID` is the same for every attempt, so that whoever gets it twice can tell.
pub(super) fn letter(mail: &Mail, message: &Message) -> Result<Letter, MailError> {
    let from = mailbox(&mail.from)?;
    let id = format!("<{}@{}>", message.key, from.email.domain());
    let mut letter = Letter::builder()
        .from(from)
        .subject(format!("[sandclock] {}", message.title()))
        .date(SystemTime::from(message.at))
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN);
    for to in &mail.to {
        letter = letter.to(mailbox(to)?);
    }
    Ok(letter.body(message.text())?)
}

fn mailbox(address: &str) -> Result<Mailbox, MailError> {
    let address: Address = address.parse().map_err(|error| MailError::Address(address.to_owned(), error))?;
    Ok(Mailbox::new(None, address))
}

fn transport(mail: &Mail, roots: &[Roots]) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let parameters = || -> Result<TlsParameters, MailError> {
        let mut builder = TlsParameters::builder(mail.host.clone());
        for root in roots {
            builder = builder.add_root_certificate(Certificate::from_pem(&root.0)?);
        }
        Ok(builder.build_rustls()?)
    };
    let tls = match mail.security {
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::StartTls => Tls::Required(parameters()?),
        Security::Opportunistic => Tls::Opportunistic(parameters()?),
        Security::None => Tls::None,
    };
    // "Dangerous" are its defaults, of which none is left.
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(mail.host.clone())
        .port(mail.port)
        .timeout(Some(STEP))
        .tls(tls);
    if let Some((user, password)) = &mail.login {
        transport = transport.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
    }
    Ok(transport.build())
}

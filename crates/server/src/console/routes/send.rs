//! Any command there is: choose one, fill in its parameters, send it.

use apple::commands::{Meta, find};
use domain::{DeviceId, command::Hazard};
use engine::{offers::Offer, orders::command_from_json, queue::Order};
use serde::Deserialize;
use store::Device;

use super::{
    answer::{Answer, Fault, Of, Params, done, invalid, page as answer_page, see_other, sentence},
    device::{accepted, identity_of},
    forms::Sent,
    hazards::confirmed,
    parameters,
    visit::{By, Done},
};
use crate::console::{
    components::Form,
    views::{CommandChoice, SendCommandPage},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    command: String,
}

pub(super) async fn page(by: By, Of(id): Of<DeviceId>, Params(asked): Params<Asked>) -> Answer {
    match asked.command.as_str() {
        // These two have pages that explain what happens.
        "device_lock" => return Ok(see_other(&format!("/devices/{id}/lock"))),
        "erase_device" => return Ok(see_other(&format!("/devices/{id}/wipe"))),
        _ => {}
    }
    let meta = match asked.command.as_str() {
        "" => None,
        name => Some(find(name).ok_or_else(Fault::nothing_here)?),
    };
    let subject = subject(&by, id).await?;
    answer_page(&subject.view(&by, meta, Form::new(), false))
}

pub(super) async fn send(by: By, Of(id): Of<DeviceId>, sent: Sent) -> Answer {
    let meta = find(sent.value("command")).ok_or_else(Fault::nothing_here)?;
    let subject = subject(&by, id).await?;
    let mut form = parameters::again(meta, &sent);
    let command = match parameters::command_json(meta, &sent) {
        Ok(json) => command_from_json(json).map_err(Fault::from),
        Err(problems) => {
            for (field, problem) in problems {
                form = form.with_error(&field, problem);
            }
            return invalid(&subject.view(&by, Some(meta), form, false));
        }
    };
    let first = meta
        .parameters
        .first()
        .map_or("command".to_owned(), |one| parameters::field(one.name));
    let command = match command {
        Ok(command) => command,
        Err(fault) => {
            let form = fault.on_form(form, &first)?;
            return invalid(&subject.view(&by, Some(meta), form, false));
        }
    };
    let hazardous = command.hazard() != Hazard::None;
    if hazardous {
        form = confirmed(form, &subject.device, &sent);
    }
    if form.is_invalid() {
        return invalid(&subject.view(&by, Some(meta), form, hazardous));
    }
    let order = Order {
        command,
        reason: sent.given("reason").map(str::to_owned),
        lifetime: None,
    };
    let key = by.key(&sent)?;
    let queued = by
        .engine()
        .send_command_once(by.authority(), key, id, None, order, accepted)
        .await;
    match queued {
        Ok(_) => Ok(done(&format!("/devices/{id}"), Done::Sending)),
        Err(error) => {
            let form = Fault::from(error).on_form(form, &first)?;
            invalid(&subject.view(&by, Some(meta), form, hazardous))
        }
    }
}

struct Subject {
    device: Device,
    offers: Vec<Offer>,
}

async fn subject(by: &By, id: DeviceId) -> Result<Subject, Fault> {
    Ok(Subject {
        device: by.engine().device(by.authority(), id).await?.device,
        offers: by.engine().offers(by.authority(), id, None).await?,
    })
}

impl Subject {
    fn view(
        self,
        by: &By,
        meta: Option<&'static Meta>,
        form: Form,
        hazardous: bool,
    ) -> SendCommandPage {
        let choices: Vec<CommandChoice> = self.offers.iter().map(choice).collect();
        let chosen =
            meta.and_then(|meta| choices.iter().find(|one| one.name == meta.name).cloned());
        SendCommandPage {
            shell: by.shell(),
            device: identity_of(&self.device),
            choices,
            chosen,
            parameters: meta.map(parameters::fields).unwrap_or_default(),
            hazardous: hazardous || meta.is_some_and(|meta| meta.hazard != Hazard::None),
            form,
        }
    }
}

fn choice(offer: &Offer) -> CommandChoice {
    CommandChoice {
        name: offer.meta.name.to_owned(),
        label: offer.meta.title.to_owned(),
        summary: sentence(offer.meta.description),
        unfit: offer.unfit.as_deref().map(sentence).unwrap_or_default(),
    }
}

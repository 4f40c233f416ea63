/**
 * The page behind a one-tap link: what a parent reads who answers a child's request. Calm sentences;
 * values are put in by `fillMessage` and escaped by whoever makes HTML of them. They follow a colon, so
 * that no language must bend a name to the sentence.
 */

import type { Language } from './messages.ts';

export interface AnswerMessages {
  readonly asks: string;
  /** Who asks, where no profile does. */
  readonly household: string;
  readonly internet: string;
  /** The buttons, and what is said once they were pressed. */
  readonly approve: string;
  readonly deny: string;
  readonly approved: string;
  readonly denied: string;
  /** The link was right, but is no longer: somebody has answered, or it is too old. */
  readonly answeredBefore: string;
  readonly expired: string;
  /** The same for a forged link and for one that nobody knows. */
  readonly unknown: string;
  readonly tooMany: string;
  /** The browser sent what this page did not ask for. */
  readonly failed: string;
  /** What is asked for cannot be opened, because the plan keeps it closed. */
  readonly refused: string;
}

export const ANSWER_MESSAGES: Readonly<Record<Language, AnswerMessages>> = {
  en: {
    asks: '{who} asks for: {what}',
    household: 'Someone at home',
    internet: 'the internet',
    approve: 'Allow (minutes: {minutes})',
    deny: 'Not now',
    approved: 'Done: allowed until {until}.',
    denied: 'Done: not now. A word about why helps more than the no.',
    answeredBefore: 'This request has been answered already. Nothing was changed.',
    expired: 'This link is too old. Nothing was changed.',
    unknown: 'This link leads to no request. Nothing was changed.',
    tooMany: 'There were too many wrong links from your network. Please wait a minute.',
    failed: 'This did not work. Nothing was changed.',
    refused: 'This cannot be opened: your plan keeps it closed. Nothing was changed.',
  },
  ru: {
    asks: '{who} просит открыть: {what}',
    household: 'Кто-то дома',
    internet: 'интернет',
    approve: 'Разрешить (минут: {minutes})',
    deny: 'Не сейчас',
    approved: 'Готово: разрешено до {until}.',
    denied: 'Готово: не сейчас. Объяснить причину полезнее, чем просто отказать.',
    answeredBefore: 'На эту просьбу уже ответили. Ничего не изменено.',
    expired: 'Эта ссылка устарела. Ничего не изменено.',
    unknown: 'Эта ссылка не ведёт ни к какой просьбе. Ничего не изменено.',
    tooMany: 'Из вашей сети пришло слишком много неверных ссылок. Подождите минуту.',
    failed: 'Не получилось. Ничего не изменено.',
    refused: 'Это нельзя открыть: так задано вашим тарифом. Ничего не изменено.',
  },
  be: {
    asks: '{who} просіць адкрыць: {what}',
    household: 'Нехта дома',
    internet: 'інтэрнэт',
    approve: 'Дазволіць (хвілін: {minutes})',
    deny: 'Не цяпер',
    approved: 'Гатова: дазволена да {until}.',
    denied: 'Гатова: не цяпер. Патлумачыць прычыну карысней, чым проста адмовіць.',
    answeredBefore: 'На гэту просьбу ўжо адказалі. Нічога не зменена.',
    expired: 'Гэта спасылка састарэла. Нічога не зменена.',
    unknown: 'Гэта спасылка не вядзе ні да якой просьбы. Нічога не зменена.',
    tooMany: 'З вашай сеткі прыйшло занадта шмат няправільных спасылак. Пачакайце хвіліну.',
    failed: 'Не атрымалася. Нічога не зменена.',
    refused: 'Гэта нельга адкрыць: так зададзена вашым тарыфам. Нічога не зменена.',
  },
  pl: {
    asks: '{who} prosi o: {what}',
    household: 'Ktoś z domowników',
    internet: 'internet',
    approve: 'Zezwól (minuty: {minutes})',
    deny: 'Nie teraz',
    approved: 'Gotowe: zezwolono do {until}.',
    denied: 'Gotowe: nie teraz. Wyjaśnienie pomaga bardziej niż sama odmowa.',
    answeredBefore: 'Na tę prośbę już odpowiedziano. Nic nie zmieniono.',
    expired: 'Ten link jest już nieaktualny. Nic nie zmieniono.',
    unknown: 'Ten link nie prowadzi do żadnej prośby. Nic nie zmieniono.',
    tooMany: 'Z tej sieci przyszło zbyt wiele błędnych linków. Proszę odczekać minutę.',
    failed: 'Nie udało się. Nic nie zmieniono.',
    refused: 'Tego nie można otworzyć: taka jest taryfa. Nic nie zmieniono.',
  },
  de: {
    asks: '{who} bittet um: {what}',
    household: 'Jemand zu Hause',
    internet: 'das Internet',
    approve: 'Erlauben (Minuten: {minutes})',
    deny: 'Jetzt nicht',
    approved: 'Erledigt: erlaubt bis {until}.',
    denied: 'Erledigt: jetzt nicht. Ein Wort zum Warum hilft mehr als das Nein.',
    answeredBefore: 'Diese Bitte wurde schon beantwortet. Es wurde nichts geändert.',
    expired: 'Dieser Link ist zu alt. Es wurde nichts geändert.',
    unknown: 'Dieser Link führt zu keiner Bitte. Es wurde nichts geändert.',
    tooMany: 'Aus diesem Netz kamen zu viele falsche Links. Bitte eine Minute warten.',
    failed: 'Das hat nicht geklappt. Es wurde nichts geändert.',
    refused:
      'Das lässt sich nicht öffnen: Der Tarif hält es geschlossen. Es wurde nichts geändert.',
  },
};

/**
 * The page of the over-blocking desk: what anybody reads who asks whether a name is blocked. Calm sentences;
 * values are put in by `fillMessage` and escaped by whoever makes HTML of them. They follow a colon, so
 * that no language must bend a name to the sentence.
 */

import type { Language } from './messages.ts';

export interface DeskMessages {
  readonly title: string;
  /** The field for the name, and its button. */
  readonly name: string;
  readonly check: string;
  /** What was found. */
  readonly open: string;
  readonly law: string;
  readonly plan: string;
  readonly service: string;
  readonly list: string;
  /** Above the form of an appeal, its fields, its button. */
  readonly appealAsk: string;
  readonly message: string;
  readonly contact: string;
  readonly appeal: string;
  /** What became of an appeal. */
  readonly waiting: string;
  readonly accepted: string;
  readonly denied: string;
  readonly gone: string;
  readonly invalid: string;
  readonly tooMany: string;
  readonly full: string;
  readonly unavailable: string;
}

export const DESK_MESSAGES: Readonly<Record<Language, DeskMessages>> = {
  en: {
    title: 'Is a page blocked?',
    name: 'Name of the page, such as www.example.org',
    check: 'Check',
    open: 'Not blocked here: {name}',
    law: 'Blocked because the law requires it, which nobody here can change: {name}',
    plan: 'Blocked by the settings of the tariff, not by a list: {name}',
    service: 'Blocked together with its service ({category}): {name}',
    list: 'Blocked by a list ({category}): {name}',
    appealAsk: 'Is that wrong? Tell us: a person will look at it.',
    message: 'Why it should be open (may stay empty)',
    contact: 'How we can reach you (may stay empty)',
    appeal: 'Tell us',
    waiting:
      'Noted, not answered yet. Keep the address of this page, the answer will stand here: {name}',
    accepted: 'You were right, the list was corrected: {name}',
    denied: 'It stays blocked: {name}',
    gone: 'There is nothing under this address any more.',
    invalid: 'That is no name of a page, or a text is too long.',
    tooMany: 'There were too many questions. Please wait a minute.',
    full: 'Too many of these wait already. Please try again in some days.',
    unavailable: 'No answer can be given at the moment. Please try again later.',
  },
  ru: {
    title: 'Заблокирована ли страница?',
    name: 'Имя страницы, например www.example.org',
    check: 'Проверить',
    open: 'Здесь не заблокировано: {name}',
    law: 'Заблокировано по требованию закона, здесь этого никто не может изменить: {name}',
    plan: 'Заблокировано настройками тарифа, а не списком: {name}',
    service: 'Заблокировано вместе с сервисом ({category}): {name}',
    list: 'Заблокировано списком ({category}): {name}',
    appealAsk: 'Это ошибка? Напишите нам: это посмотрит человек.',
    message: 'Почему это должно быть открыто (можно не заполнять)',
    contact: 'Как с вами связаться (можно не заполнять)',
    appeal: 'Отправить',
    waiting:
      'Записано, ответа ещё нет. Сохраните адрес этой страницы, ответ появится здесь: {name}',
    accepted: 'Вы были правы, список исправлен: {name}',
    denied: 'Остаётся заблокированным: {name}',
    gone: 'По этому адресу больше ничего нет.',
    invalid: 'Это не имя страницы, или текст слишком длинный.',
    tooMany: 'Слишком много вопросов. Подождите минуту.',
    full: 'Уже слишком много таких обращений ждёт ответа. Попробуйте через несколько дней.',
    unavailable: 'Сейчас ответить нельзя. Попробуйте позже.',
  },
  be: {
    title: 'Ці заблакіравана старонка?',
    name: 'Імя старонкі, напрыклад www.example.org',
    check: 'Праверыць',
    open: 'Тут не заблакіравана: {name}',
    law: 'Заблакіравана паводле закону, тут гэтага ніхто не можа змяніць: {name}',
    plan: 'Заблакіравана наладамі тарыфу, а не спісам: {name}',
    service: 'Заблакіравана разам з сэрвісам ({category}): {name}',
    list: 'Заблакіравана спісам ({category}): {name}',
    appealAsk: 'Гэта памылка? Напішыце нам: гэта паглядзіць чалавек.',
    message: 'Чаму гэта павінна быць адкрыта (можна не запаўняць)',
    contact: 'Як з вамі звязацца (можна не запаўняць)',
    appeal: 'Адправіць',
    waiting:
      'Запісана, адказу яшчэ няма. Захавайце адрас гэтай старонкі, адказ з’явіцца тут: {name}',
    accepted: 'Вы мелі рацыю, спіс выпраўлены: {name}',
    denied: 'Застаецца заблакіраваным: {name}',
    gone: 'Па гэтым адрасе больш нічога няма.',
    invalid: 'Гэта не імя старонкі, або тэкст занадта доўгі.',
    tooMany: 'Занадта шмат пытанняў. Пачакайце хвіліну.',
    full: 'Ужо занадта шмат такіх зваротаў чакае адказу. Паспрабуйце праз некалькі дзён.',
    unavailable: 'Зараз адказаць нельга. Паспрабуйце пазней.',
  },
  pl: {
    title: 'Czy strona jest zablokowana?',
    name: 'Nazwa strony, na przykład www.example.org',
    check: 'Sprawdź',
    open: 'Tutaj niezablokowane: {name}',
    law: 'Zablokowane, bo wymaga tego prawo; nikt tutaj nie może tego zmienić: {name}',
    plan: 'Zablokowane przez ustawienia taryfy, a nie przez listę: {name}',
    service: 'Zablokowane razem z usługą ({category}): {name}',
    list: 'Zablokowane przez listę ({category}): {name}',
    appealAsk: 'To pomyłka? Proszę napisać: sprawdzi to człowiek.',
    message: 'Dlaczego ma być otwarte (można zostawić puste)',
    contact: 'Jak możemy się skontaktować (można zostawić puste)',
    appeal: 'Wyślij',
    waiting:
      'Zapisano, jeszcze bez odpowiedzi. Proszę zachować adres tej strony, odpowiedź pojawi się tutaj: {name}',
    accepted: 'To była pomyłka, lista została poprawiona: {name}',
    denied: 'Pozostaje zablokowane: {name}',
    gone: 'Pod tym adresem niczego już nie ma.',
    invalid: 'To nie jest nazwa strony albo tekst jest za długi.',
    tooMany: 'Za dużo pytań. Proszę odczekać minutę.',
    full: 'Zbyt wiele zgłoszeń czeka już na odpowiedź. Proszę spróbować za kilka dni.',
    unavailable: 'Teraz nie można odpowiedzieć. Proszę spróbować później.',
  },
  de: {
    title: 'Ist eine Seite gesperrt?',
    name: 'Name der Seite, etwa www.example.org',
    check: 'Prüfen',
    open: 'Hier nicht gesperrt: {name}',
    law: 'Gesperrt, weil das Gesetz es verlangt; das kann hier niemand ändern: {name}',
    plan: 'Gesperrt durch die Einstellungen des Tarifs, nicht durch eine Liste: {name}',
    service: 'Gesperrt zusammen mit dem Dienst ({category}): {name}',
    list: 'Gesperrt durch eine Liste ({category}): {name}',
    appealAsk: 'Ist das falsch? Bitte schreiben: Ein Mensch sieht es sich an.',
    message: 'Warum es offen sein sollte (kann leer bleiben)',
    contact: 'Wie wir Sie erreichen (kann leer bleiben)',
    appeal: 'Absenden',
    waiting:
      'Notiert, noch nicht beantwortet. Bitte die Adresse dieser Seite behalten, die Antwort wird hier stehen: {name}',
    accepted: 'Das war ein Fehler, die Liste ist berichtigt: {name}',
    denied: 'Es bleibt gesperrt: {name}',
    gone: 'Unter dieser Adresse gibt es nichts mehr.',
    invalid: 'Das ist kein Name einer Seite, oder ein Text ist zu lang.',
    tooMany: 'Das waren zu viele Fragen. Bitte eine Minute warten.',
    full: 'Es warten schon zu viele auf Antwort. Bitte in einigen Tagen wieder versuchen.',
    unavailable: 'Gerade kann keine Antwort gegeben werden. Bitte später wieder versuchen.',
  },
};
